-- So many of the newest messages are withheld from each of the two: before this, none were.
ALTER TABLE conversation
    ADD hidden_a bigint NOT NULL DEFAULT 0,
    ADD hidden_b bigint NOT NULL DEFAULT 0;
