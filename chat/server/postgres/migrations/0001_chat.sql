-- All that the rules are about, a table for each subject. Names sort by their bytes, as in Python.

-- What counts for all of it. A batch locks this row first, before it reads anything: so the servers
-- take turns, and each batch sees all that those before it have written.
CREATE TABLE turn (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL DEFAULT 0,      -- of the newest batch
    clock bigint NOT NULL DEFAULT 0,       -- as Clock.now and Clock.age
    age bigint NOT NULL DEFAULT 0,
    activity bigint NOT NULL DEFAULT 0,    -- as Conversations.activity
    audit bigint NOT NULL DEFAULT 0,       -- the number of the newest entry
    held_bytes bigint NOT NULL DEFAULT 0,  -- as Usage
    user_quota bigint NOT NULL DEFAULT 0,
    all_quota bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO turn DEFAULT VALUES;

CREATE TABLE account (
    name text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- in the order in which they were made
    deleted boolean NOT NULL,
    skeleton text COLLATE "C" NOT NULL,
    record text NOT NULL  -- JSON: all of it
);
CREATE INDEX account_skeleton ON account (skeleton);

-- What changes of a user with each message: narrow, and with space for its next versions.
CREATE TABLE inbox (
    name text COLLATE "C" PRIMARY KEY,
    cursor bigint NOT NULL,
    unread bigint NOT NULL,
    held_messages bigint NOT NULL,
    held_bytes bigint NOT NULL
) WITH (fillfactor = 40);

CREATE TABLE session (
    token_hash text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- the oldest first
    name text COLLATE "C" NOT NULL,
    record text NOT NULL  -- JSON: all of it
);
CREATE INDEX session_name ON session (name);

-- Of two people; `a` is the first of them in order.
CREATE TABLE conversation (
    a text COLLATE "C" NOT NULL,
    b text COLLATE "C" NOT NULL,
    activity bigint NOT NULL,
    messages bigint NOT NULL,  -- how many
    read_a bigint NOT NULL,
    read_b bigint NOT NULL,
    unread_a bigint NOT NULL,
    unread_b bigint NOT NULL,
    muted_a boolean NOT NULL,
    muted_b boolean NOT NULL,
    PRIMARY KEY (a, b)
) WITH (fillfactor = 60);
CREATE INDEX conversation_b ON conversation (b);

-- `place` is the name of a room, or the names of two people in order, with a space between them.
CREATE TABLE message (
    id text COLLATE "C" PRIMARY KEY,
    place text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    sender text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    text text NOT NULL,
    sent_at bigint NOT NULL,
    unsent boolean NOT NULL,
    extras text,  -- JSON; most messages have none
    UNIQUE (place, sequence)
);
CREATE INDEX message_unsent ON message (place, sequence) WHERE unsent;

CREATE TABLE room (
    name text COLLATE "C" PRIMARY KEY,
    topic text NOT NULL,
    access text NOT NULL,
    owner text COLLATE "C" NOT NULL,
    skeleton text COLLATE "C" NOT NULL,
    activity bigint NOT NULL,
    shown_from bigint NOT NULL,
    messages bigint NOT NULL,  -- how many
    members bigint NOT NULL,   -- how many
    cursor bigint NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX room_skeleton ON room (skeleton);

CREATE TABLE member (
    room text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- in the order in which they came
    since bigint NOT NULL,
    first bigint NOT NULL,
    came_after bigint NOT NULL,
    read_through bigint NOT NULL,
    own_after bigint NOT NULL,
    muted boolean NOT NULL,
    PRIMARY KEY (room, name)
) WITH (fillfactor = 60);
CREATE INDEX member_name ON member (name);

-- What users and rooms are told, in the written form; `owner` is the name of either.
CREATE TABLE event (
    owner text COLLATE "C" NOT NULL,
    cursor bigint NOT NULL,
    what text NOT NULL,
    PRIMARY KEY (owner, cursor)
);

CREATE TABLE request (
    id text COLLATE "C" PRIMARY KEY,
    operation text NOT NULL,
    username text COLLATE "C" NOT NULL,
    about text NOT NULL,
    marked bigint NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX request_at ON request (at);

CREATE TABLE audit (
    number bigint PRIMARY KEY,
    at bigint NOT NULL,
    by text NOT NULL,
    action text NOT NULL,
    about text NOT NULL
);

CREATE TABLE invite (
    code_hash text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- the oldest first
    by text NOT NULL,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    uses bigint NOT NULL,
    uses_left bigint NOT NULL
);

-- What came of each batch, for the servers whose people listen; kept for a while.
CREATE TABLE news (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL
);

-- The servers: which batch each has written last, so that one whose connection broke in the midst
-- of a COMMIT can tell what became of it.
CREATE TABLE server (
    id integer PRIMARY KEY,
    incarnation bigint NOT NULL,
    address text NOT NULL,
    batch bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);
