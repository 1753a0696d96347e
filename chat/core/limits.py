"""Every bound and period of the system, each with where its number comes from.

Sizes are in the unit that ends the name; nothing else in the tree spells
out a limit of its own.
"""

from __future__ import annotations

from typing import Final

# --- accounts ---------------------------------------------------------------
# A name fits one row of the conversation list at 200 % scale.
USERNAME_CHARACTERS_MAX: Final = 32
# NIST SP 800-63B: at least 8, and at least 64 must be allowed; no composition rules.
PASSWORD_CHARACTERS_MIN: Final = 8
PASSWORD_CHARACTERS_MAX: Final = 128
# OWASP ASVS 5.0 appendix C asks for 10 or more; 12 takes about 350 ms.
BCRYPT_COST: Final = 12
# Two at a time, at a low priority; the rest waits for its turn.
PASSWORD_CHECK_THREADS: Final = 2
# Three classes of 300 at once; on two cores the last of them waits for three minutes.
SIGN_INS_WAITING_MAX: Final = 1_000
# Strangers who try passwords for one name; more of them are people in doubt about their password.
SIGN_INS_WAITING_PER_NAME_MAX: Final = 32
# Longer than two of the longest waits after wrong passwords: at an address from which somebody
# guesses, the owner's turn comes at the second one. Who still waits then is told to come back.
SIGN_IN_WAIT_MAX_S: Final = 2_400.0
# A call that still waits this long before its deadline is told so, not left without an answer.
SIGN_IN_ANSWER_S: Final = 0.25
SIGN_IN_RETRY_MS: Final = 5_000
# A window asks each second how many are before it; within that time the places are counted once.
PLACES_FRESH_S: Final = 0.25
# 256 random bits; OWASP ASVS 5.0 7.2.3 asks for 128.
TOKEN_BYTES: Final = 32
SESSION_LIFETIME_MS: Final = 30 * 24 * 3600 * 1000
# That a session is in use is written so often: a person sees on which day it was used last.
SESSION_USE_NOTED_MS: Final = 12 * 3600 * 1000
# So many at once: after an upgrade, thousands of streams are noted one after the other.
SESSION_USES_NOTED_AT_ONCE_MAX: Final = 16
# People whom one wants nothing of; as many as a page has.
BLOCKED_MAX: Final = 200
# A person has a few devices; the oldest session makes room for the newest.
SESSIONS_PER_USER_MAX: Final = 10
STREAMS_PER_USER_MAX: Final = 10
DEVICE_NAME_CHARACTERS_MAX: Final = 64
# A device that was signed in is known again for as long as a school's summer holidays (or
# longer, where nothing happens meanwhile: like ids it grows older in bounded steps).
DEVICES_PER_USER_MAX: Final = 10
DEVICE_KNOWN_MS: Final = 90 * 24 * 3600 * 1000
# 128 random bits in hexadecimal digits at the least.
DEVICE_SECRET_CHARACTERS_MIN: Final = 32
DEVICE_SECRET_CHARACTERS_MAX: Final = 128

# --- guessing passwords -------------------------------------------------------
# Free tries of one address (or one known device) for one name; then waits double from one
# second up to the most: 98 guesses in a day, where NIST SP 800-63B (5.2.2) allows 100.
LOGIN_FAILURES_FREE: Final = 5
LOGIN_WAIT_MAX_S: Final = 1_024.0
LOGIN_FAILURES_KEPT_S: Final = 24 * 3600.0
# All strangers together for one name: at most 100 in any hour (OWASP ASVS 4.0.3, 2.2.1).
NAME_FAILURES_FREE: Final = 50
NAME_FAILURE_GAP_S: Final = 72.0
# At the rate at which two cores check passwords an hour of failures; about 300 bytes each.
THROTTLE_ENTRIES_MAX: Final = 20_000

# --- messages -----------------------------------------------------------------
# A long page of text; with its envelope well inside one request.
TEXT_BYTES_MAX: Final = 16_384
REQUEST_BYTES_MAX: Final = 64 * 1024
# What gRPC takes of one message, whoever sends it: it holds all that came of each call's first
# message before anything of ours is asked. Somewhat more, so that what is too long gets an answer.
RECEIVED_BYTES_MAX: Final = REQUEST_BYTES_MAX + 8 * 1024
PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 200
# A page of whatever list has at most this many bytes, or one item: 200 messages of a kilobyte,
# or 15 of the longest. An answer that is not taken costs the server several times its size.
PAGE_BYTES_MAX: Final = 256 * 1024
# Of a message besides its text: its id, two names of 32 characters of four bytes, when it was
# edited, the rest.
MESSAGE_ENVELOPE_BYTES_MAX: Final = 384
# Of a room in a list: its topic of 256 characters of four bytes, two names, numbers.
ROOM_ENVELOPE_BYTES_MAX: Final = 1_536
# Of what a reply answers the beginning is shown, in a line above it; with its id and name.
QUOTE_CHARACTERS_MAX: Final = 160
REPLY_ENVELOPE_BYTES_MAX: Final = 4 * QUOTE_CHARACTERS_MAX + 256
# A day: who remembers what was said has not answered it for long.
EDIT_WITHIN_MS: Final = 24 * 3600 * 1000
# Different ones below one message: two rows of them.
REACTIONS_MAX: Final = 20
# The longest emoji of Unicode 16 are of ten characters: two people, a kiss and two skin tones.
EMOJI_CHARACTERS_MAX: Final = 16
# Beside the names of those who did: the emoji of up to four bytes a character, numbers.
REACTION_BYTES_MAX: Final = 4 * EMOJI_CHARACTERS_MAX + 32
# Of the up to 500 who put one emoji below a message so many are named, and all are counted.
REACTION_NAMES_MAX: Final = 20
# That somebody is writing is shown for so long; so they say it again before.
TYPING_SHOWN_S: Final = 5.0
TYPING_TOLD_EVERY_S: Final = 3.0
# Who writes says so every 3 seconds; somewhat less, because calls do not take equally long.
TYPING_GAP_S: Final = 2.5
# About 100 bytes each.
TYPISTS_MAX: Final = 10_000
# How many have read a room's messages is told at most so often, and of so many of the newest.
READERS_TOLD_EVERY_S: Final = 1.0
READERS_TOLD_MAX: Final = 50
FILTER_CHARACTERS_MAX: Final = 64
# How many pieces of a filter one call may look for, in all the names that it looks at; each
# takes up to half a microsecond. A usual filter, `*ann*`, looks at half as many names.
NAMES_COST_MAX: Final = 5_000
# What a client may miss of its own events, and of each room's, and still resume; past it, it
# lists again.
EVENTS_KEPT_PER_USER: Final = 1_000
# --- rooms --------------------------------------------------------------------
# A year of a school, or all of a small firm. Whoever writes in a room is heard by so many streams.
ROOM_MEMBERS_MAX: Final = 500
# One call tells where each of them is to be resumed (SubscribeRequest): 30 KiB of names.
ROOMS_PER_USER_MAX: Final = 200
# What a page of a room's messages says of who came and went meanwhile.
ROOM_CHANGES_SHOWN_MAX: Final = 100
ROOM_CHANGES_BYTES_MAX: Final = 32 * 1024
TOPIC_CHARACTERS_MAX: Final = 256
# One event of the room has all their names: 6 KiB of them.
MEMBERS_ADDED_MAX: Final = 50
# What a room takes beside its messages, so that nobody makes more of them than of messages.
ROOM_COST_BYTES: Final = 4 * 1024

# --- searching ------------------------------------------------------------------
# A long sentence; of its words as many are looked for as people remember of a message.
SEARCH_CHARACTERS_MAX: Final = 256
SEARCH_WORDS_MAX: Final = 16
# One person's searches wait for each other, and each takes about SEARCH_BUDGET_S at most.
SEARCHES_MAX: Final = 32
SEARCHES_PER_USER_MAX: Final = 1
SEARCH_PAGE_SIZE_MAX: Final = 100
# A page ends after this long, also where little was found: a token leads on.
SEARCH_BUDGET_S: Final = 0.1
# So many rows are looked at in one step, and twice as many in the next one if that was quick. After
# this long it is the turn of another search.
SEARCH_STEP_ROWS: Final = 8_192
SEARCH_STEP_S: Final = 0.02
# Messages that the index has not read: some ten seconds of what the servers can take. Each is the
# state's own, about 100 bytes more here.
SEARCH_QUEUE_MESSAGES_MAX: Final = 50_000
# Written in one step; 512 take 15 ms, during which no search is answered.
SEARCH_BATCH_MESSAGES_MAX: Final = 512
SEARCH_BATCH_BYTES_MAX: Final = 256 * 1024
# What comes within this long is written together, which costs little more than one message alone;
# a search does not wait for it.
SEARCH_BATCH_WAIT_S: Final = 2.0
# The index leaves as much of the disk to the store: four times what that needs to begin.
SEARCH_FREE_BYTES_MIN: Final = 64 * 1024 * 1024
# Entries without a message, after which the index writes down how far it has read.
SEARCH_POSITION_ENTRIES: Final = 1_000
# While the index is made anew it works for as long as it rests.
SEARCH_REST_RATIO: Final = 1.0
# An index that failed is made anew after this long, and later and later if it fails again.
SEARCH_RETRY_S: Final = 5.0
SEARCH_RETRY_MAX_S: Final = 300.0
# What SQLite keeps of the index in memory, and of what was written beside it on disk.
SEARCH_CACHE_BYTES: Final = 16 * 1024 * 1024
SEARCH_JOURNAL_BYTES: Final = 16 * 1024 * 1024

# Ids of finished requests are remembered for a day, longer than any client retries, and for
# an hour that six clocks may jump away.
REQUEST_IDS_KEPT_MS: Final = 25 * 3600 * 1000
# From one operation to the next they grow older by no more than this, whatever a clock says.
REQUEST_IDS_STEP_MAX_MS: Final = 10 * 60 * 1000

# --- an engine in a database ----------------------------------------------------
# A session that ended at another server counts no longer than this, where the news do not come.
SESSION_KNOWN_S: Final = 5.0
# About 0.5 KiB each.
SESSIONS_KNOWN_MAX: Final = 20_000
# Connections for questions, each of which takes some milliseconds of the database.
QUESTIONS_AT_ONCE_MAX: Final = 8
# A hint that is lost costs a second.
NEWS_LOOK_S: Final = 1.0
NEWS_KEPT_S: Final = 60.0
NEWS_AT_ONCE_MAX: Final = 64
# How long a server waits before it tries again to reach the database.
DATABASE_RETRY_S: Final = 0.2
# A server that was not seen for so long is said not to answer.
SERVER_SEEN_S: Final = 5.0

# --- whoever runs the servers --------------------------------------------------
# Years of a small cluster; about 200 bytes each.
AUDIT_ENTRIES_KEPT: Final = 10_000
# What a message that is held counts beside its text: about what its line in the file takes. It is
# part of a rule, so it stays what it is.
MESSAGE_HELD_BYTES: Final = 256
# Of messages that expire: how often it is looked which do, in how many conversations without a
# pause, and how many go by one entry of the log. To let go of 200 takes a millisecond or less.
EXPIRY_LOOK_S: Final = 600.0
EXPIRY_CONVERSATIONS_AT_ONCE: Final = 1_000
EXPIRED_AT_ONCE_MAX: Final = 200
KEEP_DAYS_MAX: Final = 36_500
# Invites that can still be used; one is enough for a class of 300.
INVITES_MAX: Final = 1_000
INVITE_USES_MAX: Final = 10_000
INVITE_DAYS_MAX: Final = 365
# 20 letters and digits of 5 bits: 100 random ones.
INVITE_CHARACTERS: Final = 20
# Two lines in a window.
ANNOUNCEMENT_CHARACTERS_MAX: Final = 256
# A person and a computer.
OPERATOR_CHARACTERS_MAX: Final = 64
# Of a token's hash; nobody has so many sessions that two begin alike.
SESSION_ID_CHARACTERS: Final = 12

# --- watching -------------------------------------------------------------------
# What asks for metrics waits ten seconds; a loop that answers nobody for so long says so itself.
METRICS_WAIT_S: Final = 5.0
# A log file of a server's, before the next one is begun, and how many of before are kept.
LOG_FILE_BYTES_MAX: Final = 16 * 2**20
LOG_FILES_KEPT: Final = 5

# --- live streams -------------------------------------------------------------
SUBSCRIBER_QUEUE_EVENTS_MAX: Final = 1_000
STREAM_HEARTBEAT_S: Final = 1.0
# To who notices a dead server otherwise. A beat costs 0.1 ms, so each second 10,000 streams would
# be more than a core; what it is still for is a server that answers pings and does nothing else.
PATIENT_HEARTBEAT_S: Final = 10.0
# So many streams go on in one turn of the event loop; each takes about 0.1 ms to write.
STREAMS_PER_TURN_MAX: Final = 64
# Rooms whose members have yet to hear of something, each told in a turn of the loop: ten accounts
# that went at the same moment, each from as many rooms as there may be.
ROOMS_UNTOLD_MAX: Final = 10 * ROOMS_PER_USER_MAX
# Of a stream's events that wait, so many go to its client as one message; in full, all that go in
# one turn take 10 ms. One may be longer than the bytes if it is alone.
BUNDLE_EVENTS_MAX: Final = 32
BUNDLE_BYTES_MAX: Final = 64 * 1024
# Events of rooms that are kept as they are written: all members are told the same, one after the
# other. With their bytes, 2 MiB of the longest messages.
SHARED_EVENTS_MAX: Final = 128
STREAMS_MAX: Final = 10_000
# A connection for each stream, as many again for those who sign in or only call.
OPEN_FILES_MAX: Final = 2 * STREAMS_MAX
# Of these no connection gets any: files, the streams to peers, and connections that were
# taken only to be turned away.
OPEN_FILES_RESERVED: Final = 256
# Of all connections, those that the address with most of them leaves to others.
CONNECTIONS_FOR_OTHERS: Final = 1 / 4
# Who connects says hello at once; gRPC itself would wait for two minutes.
HELLO_TIMEOUT_MS: Final = 10_000
# A connection without a call is ended after this; a client makes another with its next call.
CONNECTION_IDLE_MS: Final = 60_000
# A client that fell silent (cable, sleep) is gone after both; a phone's short gap is not.
CLIENT_KEEPALIVE_MS: Final = 4_000
CLIENT_KEEPALIVE_TIMEOUT_MS: Final = 4_000

# --- calls --------------------------------------------------------------------
# In hand: from the first byte of a request until the answer was taken. Of signed-in people; a
# program may keep 64 busy, and an answer costs the server some four times its 17 KiB.
CALLS_MAX: Final = 1_024
CALLS_PER_USER_MAX: Final = 256
# Answers of PAGE_BYTES_MAX that are not yet taken: 2 MiB of one user's, 32 MiB in all. One
# user's further ones wait.
PAGES_MAX: Final = 128
PAGES_PER_USER_MAX: Final = 8
# Calls without a session (who leads, sign in, health) have places of their own, so that they
# take none of those who are signed in; about 25 KiB each. Three classes that sign in at the same
# moment behind one address fit (SIGN_INS_WAITING_MAX).
STRANGERS_MAX: Final = 2_048
STRANGERS_PER_ADDRESS_MAX: Final = 1_024
# Watches of the health last for ever, and reflection for a while; monitors are few.
WATCHES_MAX: Final = 64
WATCHES_PER_ADDRESS_MAX: Final = 16
# Requests that have not come as a whole: gRPC may hold all of a message that it would take,
# and reads the first of each call ahead; so many are waited for at once, and an ordinary one is
# there with its call.
REQUESTS_READ_MAX: Final = 64
REQUESTS_READ_EACH_MAX: Final = 8
REQUEST_TIMEOUT_S: Final = 10.0
# Who takes nothing of an answer for so long is ended with the connection. The client's own
# deadline is shorter (CALL_TIMEOUT_S).
ANSWER_TIMEOUT_S: Final = 20.0
# Calls that one user, or one stranger's connection, may give up, or make though too many are in
# hand; who goes on is shut out.
# A program whose 256 calls all time out (CALL_TIMEOUT_S) gives up no more.
GIVEN_UP_MAX: Final = 400
GIVEN_UP_WINDOW_S: Final = 10.0
SHUT_OUT_S: Final = 30.0
CALLERS_REMEMBERED_MAX: Final = 10_000
# Requests that have not come in time are ended so many at a time.
LATE_CALLS_ENDED_MAX: Final = 16
LATE_CALLS_ENDED_EVERY_S: Final = 0.02
# How long a user who has written too much waits to be told: who asks again at once, with all the
# calls that they may have in hand, would keep the server busy with refusals.
THROTTLED_AFTER_S: Final = 0.25
# To end a connection costs a look at every open file.
CONNECTIONS_ENDED_EVERY_S: Final = 0.05
# Calls and streams on one connection, whoever's they are; a client has one stream and a handful
# of calls, a program may keep 64 busy. gRPC counts also those that were reset until the server is
# done with them, so what one connection can put before everybody's next call is short (with 512,
# calls given up on three connections made everybody wait for 0.3 s); it refuses some of a program
# that keeps more than about 90 busy. RFC 9113 (6.5.2) recommends at least 100.
STREAMS_PER_CONNECTION_MAX: Final = 100
# Calls of one lane (lanes.py) that gRPC keeps until the server comes to them; beyond the first
# number it turns away some, beyond the second all, whoever's they are. So the calls of one
# connection must be far fewer.
CALLS_UNSEEN_MAX: Final = 2_048
CALLS_UNSEEN_HARD_MAX: Final = 4_096
# Writes that wait for the leader's disk and its backups; beyond it callers get BUSY. The bytes
# are those of the journal: two seconds of an ordinary disk, not of a fast one.
WRITES_PENDING_MAX: Final = 4_096
WRITES_PENDING_BYTES_MAX: Final = 32 * 1024 * 1024
# One user's share: an eighth, and still more than a hundred of the longest messages.
WRITES_PENDING_PER_USER_MAX: Final = 512
WRITES_PENDING_BYTES_PER_USER_MAX: Final = 4 * 1024 * 1024
# What is proposed in one step, which is one sync: 15 of the longest messages, or all that hundreds
# of people write at once. Whoever comes now waits for the batch on its way, so it must be short.
WRITE_BATCH_BYTES_MAX: Final = 256 * 1024
WRITE_TIMEOUT_S: Final = 10.0
# What one user may write. A write costs its text and about what the rest of its journal line
# takes, so 2 MiB/s are 4,600 messages of 200 bytes each second, or 126 of the longest; at once
# eight seconds of that. A day: 1.2 million and 32,000 of them.
WRITE_COST_BYTES: Final = 256
USER_BYTES_PER_SECOND: Final = 2 * 1024 * 1024
USER_BURST_S: Final = 8.0
USER_BYTES_PER_DAY: Final = 512 * 1024 * 1024
# Users whose allowances are remembered (about 0.5 KiB each).
ALLOWANCES_MAX: Final = 10_000
METADATA_BYTES_MAX: Final = 8 * 1024

# --- replication --------------------------------------------------------------
HEARTBEAT_MS: Final = 250
OUT_MS: Final = 1_000
VOTE_MS: Final = 2_000
# The vote period must outlast the standing period by more than two clocks can
# drift apart; RELIABILITY rule: vote >= 1.5 * out.
VOTE_TO_OUT_RATIO_MIN: Final = 1.5
# An answer between servers: a part of a catch-up has up to 64 of the longest entries.
REPLICATION_MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
# What is said to a peer has to fit into what it receives; a larger Append goes in several.
PEER_MESSAGE_BYTES_MAX: Final = 64 * 1024
# One batch stays far below the message limit: an entry is at most about 17 KiB.
APPEND_ENTRIES_MAX: Final = 512
APPEND_BYTES_MAX: Final = 1024 * 1024
# A stalled attempt at a view change is given up after this long.
ATTEMPT_TIMEOUT_MS: Final = 2_000
# Two refusals this far apart prove a death (one suffices after a stream broke).
PROBE_GAP_MS: Final = 100
PROBE_TIMEOUT_MS: Final = 200
# How far a server got that is in a newer view is written down at most so often: that matters
# only if its folder is lost or put back while this server is the only one left to tell.
SEEN_WRITTEN_EVERY_S: Final = 10.0
# A numeric address takes a millisecond; a stream to a peer waits no longer for its name.
RESOLVE_TIMEOUT_S: Final = 0.2
# A connection between servers on which nothing comes back is made anew: TCP alone would
# take a quarter of an hour, and then up to two minutes more to find a healed network.
PEER_KEEPALIVE_MS: Final = 1_000
PEER_KEEPALIVE_TIMEOUT_MS: Final = 1_000
# Committed entries kept in memory so that a lagging server needs no snapshot.
LOG_ENTRIES_KEPT: Final = 10_000
# Pings that one server has not answered yet: two seconds of those of who is unsure.
PINGS_WAITING_MAX: Final = 40
# Times that the election thread was told to tick next and has not heard yet.
TICKS_WAITING_MAX: Final = 100
# A change of the configuration waits so long for a new server that does not answer.
NEWCOMER_PATIENCE_S: Final = 60.0
# ...and that it was made is told in the cluster's window for as long as somebody may look.
CHANGE_TOLD_S: Final = 600.0
# A newcomer that lags by fewer entries than this may be let in.
JOIN_LAG_ENTRIES_MAX: Final = 512
# Made beside the event loop, which waits for the interpreter meanwhile: half a millisecond.
SNAPSHOT_CHUNK_BYTES: Final = 32 * 1024
# Pieces on their way to the thread that reads them: a megabyte, and the thread never waits.
SNAPSHOT_CHUNKS_MAX: Final = 32
# The source of a catch-up that sends nothing for this long is given up; another may serve.
CATCH_UP_SILENCE_S: Final = 5.0
# What a server tells its peers of trouble with others: three sentences, one for each of four peers.
TROUBLE_CHARACTERS_MAX: Final = 600
# First start: after this long without all servers, a majority may begin.
FIRST_START_WAIT_MS: Final = 10_000

# --- clocks ---------------------------------------------------------------------
# What people notice in the time of a message, and far more than clocks that are set by a
# network differ by.
CLOCK_SKEW_MAX_MS: Final = 60_000
# A new time on the only clocks that are heard is believed after this long: what sets clocks
# at a start has had its say by then.
CLOCK_TRUST_S: Final = 600.0
# A peer's clock counts for so long; it is heard with each heartbeat.
CLOCK_HEARD_S: Final = 60.0
# Two heartbeats and more: what is said of a clock in the log is no matter of a moment.
CLOCK_TOLD_AFTER_S: Final = 2.0
# An answer that took longer would say too little about when the clock was read.
CLOCK_ROUND_TRIP_MAX_S: Final = 1.0

# --- store --------------------------------------------------------------------
# The journal is folded into the file when it outgrows both of these. An entry that is replayed at
# a start takes several times as long as a message of the file. With half the file's length folds
# write 4.7 messages for each that came (an entry is longer than its message); with all of it, 2.8.
JOURNAL_FOLD_BYTES_MIN: Final = 4 * 1024 * 1024
JOURNAL_FOLD_RATIO: Final = 0.5
SYNC_BATCH_RECORDS_MAX: Final = 4_096
SYNC_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
# While more than this waits for the disk, producers wait: nothing is proposed, pulled or read
# from a peer's stream. Enough for the disk to be busy meanwhile; each producer may exceed it
# by what it hands over in one step (WRITE_BATCH_BYTES_MAX, or about APPEND_BYTES_MAX as JSON).
STORE_QUEUE_BYTES_MAX: Final = 4 * 1024 * 1024
# Room for a journal up to its first fold, and the file that it is folded into, and more.
STORE_FREE_BYTES_MIN: Final = 16 * 1024 * 1024
# That a disk will be full is said while there is time to buy another one; of the pace of the last
# week, or of six hours at least, and in any case where a gibibyte is left.
DISK_LOOK_S: Final = 60.0
DISK_HOURS_KEPT: Final = 7 * 24
DISK_WATCHED_S: Final = 6 * 3600.0
DISK_FULL_DAYS: Final = 14
DISK_LOW_BYTES: Final = 1024**3
# A server whose disk is full looks this often whether there is room again; one that fills it
# up again right away, less and less often.
STORE_LOOK_S: Final = 2.0
STORE_LOOK_MAX_S: Final = 60.0
# A sync takes a few milliseconds on flash and some ten on a rotating disk; people notice a
# send that takes longer than this.
SYNC_SLOW_S: Final = 0.2
SYNCS_SLOW: Final = 3
SYNC_WELL_AFTER_S: Final = 30.0
# A fold lets go of the interpreter after this many lines (about half a millisecond of
# work), so that the event loop never waits for a whole switch interval of 5 ms.
FOLD_BURST_LINES: Final = 200
FOLD_PAUSE_S: Final = 0.001

# --- starting ----------------------------------------------------------------
# A server whose own address is not there yet looks again after this, and says so once a minute.
ADDRESS_RETRY_S: Final = 1.0
ADDRESS_TOLD_EVERY_S: Final = 60.0

# --- memory --------------------------------------------------------------------
# What a server with a dozen threads reserves at its start (1.2 GiB of address space and 160 MiB
# of data), and room to work; each thread more takes 8 MiB of stack and may take 64 for its heap.
ADDRESS_SPACE_BYTES_MIN: Final = 2 * 1024 * 1024 * 1024
DATA_SEGMENT_BYTES_MIN: Final = 512 * 1024 * 1024

# --- the event loop ----------------------------------------------------------
# Shorter times at work are what a loop is for.
LOOP_GAP_NOTED_S: Final = 0.001
# Worth a line in the log: below it nobody at a window notices, above it a peer's ping is late.
LOOP_GAP_LOGGED_S: Final = 0.1
# How often a thread asks for a sign of life and looks what runs: twice in the shortest gap that
# is always logged. (One that is shorter by a look may be.)
LOOP_LOOK_S: Final = 0.05
# One that lasts this long is told of before it ends, as it may never.
LOOP_GAP_LASTS_S: Final = 2.0
# What lasts longer than this does not end by itself: a lock, a thread that was not started for
# want of memory. The others can prove the death of a server that ends, not of one that hangs.
LOOP_GAP_FATAL_S: Final = 30.0
# For so long the loop ran, and the thread that keeps its time did not.
TICKS_MISSED_S: Final = 5.0

# --- what a program prints ---------------------------------------------------------
# Log lines and printed ones that wait for a terminal or a pipe: some minutes of a busy
# server's, each about 100 bytes.
OUTPUT_LINES_MAX: Final = 10_000
OUTPUT_BYTES_MAX: Final = 1024 * 1024
# A line without an end is cut into lines of this length.
OUTPUT_LINE_CHARACTERS_MAX: Final = 64 * 1024
# At the end of a program; more than any reader needs that reads at all.
OUTPUT_DRAIN_S: Final = 1.0

# --- client -------------------------------------------------------------------
CALL_TIMEOUT_S: Final = 5.0
RECONNECT_WAIT_MIN_S: Final = 0.05
RECONNECT_WAIT_MAX_S: Final = 15.0
UI_QUEUE_EVENTS_MAX: Final = 10_000
UI_EVENTS_PER_TICK_MAX: Final = 100
UI_TICK_MS: Final = 25
# Where the system cannot wake Tk (Windows), it looks so often for what came; nobody sees it.
UI_LOOK_MS: Final = 100
# A tick shows events for no longer than this, so that keys and redraws come in between.
UI_TICK_BUDGET_S: Final = 0.012
TRANSCRIPT_MESSAGES_MAX: Final = 2_000
# Messages of the open conversation kept in memory (about 0.5 KiB each) beside the drawn ones.
TRANSCRIPT_LOADED_MAX: Final = 20_000
# A text with more signs of formatting (stars, backticks, bullets) is shown as it stands: each may
# become a piece of the screen, and nobody writes as many outside a code block.
FORMATTED_MARKS_MAX: Final = 500
FORMATTED_LINES_MAX: Final = 2_000  # as well; Tk is slow at more of them with tags
# Texts whose formatting is remembered, the last ones that were drawn.
FORMATTED_TEXTS_KEPT_MAX: Final = 256
OUTBOX_MESSAGES_MAX: Final = 10_000
# A field of one line holds a list of nine servers with names of 255 characters, and is drawn
# in a millisecond or two.
FIELD_CHARACTERS_MAX: Final = 4_096
FIELD_UNDO_STEPS_MAX: Final = 100
# A thousand drafts of the longest message; a file of a profile that is larger is not read.
PROFILE_FILE_BYTES_MAX: Final = 32 * 1024 * 1024
# Copies of one damaged file of a profile; one more takes the place of the oldest.
DAMAGED_FILES_KEPT_MAX: Final = 5
