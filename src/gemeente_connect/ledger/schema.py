"""The tables of the ledger, as numbered steps that are only ever added to.

Written in the SQL that SQLite and PostgreSQL share, but for `INTEGER PRIMARY KEY`, `AUTOINCREMENT` and `BLOB`. Times
are microseconds since 1970 in UTC; booleans are 0 or 1.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE accounts (
        seq INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        read_to TEXT
    );
    CREATE TABLE threads (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts,
        name TEXT NOT NULL,
        called TEXT,                           -- what people call it, where the channel knows
        UNIQUE (account, name)
    );
    CREATE TABLE participants (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (account, id)
    );
    CREATE TABLE conversations (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts,
        thread INTEGER NOT NULL REFERENCES threads,
        own TEXT,                              -- the channel's own id, where it knows conversations
        id TEXT UNIQUE,                        -- ours, from the first delivery on
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1    -- grows with every change of what is shown
    );
    CREATE INDEX conversations_by_time ON conversations (thread, last_at);
    CREATE INDEX conversations_by_account ON conversations (account, first_at);
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts,
        id TEXT NOT NULL,
        thread INTEGER NOT NULL REFERENCES threads,
        conversation INTEGER REFERENCES conversations,    -- NULL: a line by the channel itself
        turn TEXT,                                        -- NULL: not delivered yet
        sent_at BIGINT NOT NULL,
        position INTEGER NOT NULL,
        direction TEXT,
        sender INTEGER REFERENCES participants,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        reply_to TEXT,
        edited_at BIGINT,
        deleted_at BIGINT,
        status TEXT,
        internal INTEGER NOT NULL,
        only_changed INTEGER NOT NULL DEFAULT 0,          -- 1: its edit or deletion was seen, itself never
        UNIQUE (account, id)
    );
    CREATE INDEX messages_by_conversation ON messages (conversation);
    CREATE INDEX messages_only_changed ON messages (account, thread, sent_at) WHERE only_changed = 1;
    CREATE INDEX messages_by_time ON messages (thread, sent_at);
    CREATE TABLE aliases (
        account INTEGER NOT NULL REFERENCES accounts,
        alias TEXT NOT NULL,
        message INTEGER NOT NULL REFERENCES messages,
        PRIMARY KEY (account, alias)
    );
    CREATE TABLE earlier_texts (
        message INTEGER NOT NULL REFERENCES messages,
        text TEXT NOT NULL,
        until BIGINT NOT NULL
    );
    CREATE INDEX earlier_texts_by_message ON earlier_texts (message);
    CREATE TABLE reactions (
        message INTEGER NOT NULL REFERENCES messages,
        sender INTEGER NOT NULL REFERENCES participants,
        emoji TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (message, sender)
    );
    CREATE TABLE attachments (
        message INTEGER NOT NULL REFERENCES messages,
        number INTEGER NOT NULL,
        account INTEGER NOT NULL REFERENCES accounts,
        name TEXT,
        source TEXT,
        media_type TEXT,
        size BIGINT,
        sha256 TEXT,
        missing TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (message, number)
    );
    CREATE INDEX attachments_to_fetch ON attachments (account, message, number)
        WHERE source IS NOT NULL AND sha256 IS NULL;
    CREATE TABLE parked_changes (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts,
        target TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (account, target, body)
    );
    CREATE TABLE deliveries (
        conversation INTEGER NOT NULL REFERENCES conversations,
        case_system INTEGER NOT NULL REFERENCES accounts,
        revision INTEGER NOT NULL,
        receipt TEXT NOT NULL,
        findable TEXT NOT NULL,
        next_offer BIGINT,                     -- NULL: only when the conversation changes
        PRIMARY KEY (conversation, case_system)
    );
    CREATE TABLE steps (
        case_system INTEGER NOT NULL REFERENCES accounts,
        conversation INTEGER NOT NULL,         -- 0: a thing of the case system itself
        name TEXT NOT NULL,
        begun_at BIGINT NOT NULL,
        result TEXT,                           -- NULL: begun, and in doubt
        PRIMARY KEY (case_system, conversation, name)
    );
    CREATE TABLE refusals (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- a person types it: never given to something else
        kind TEXT NOT NULL,                    -- conversation, unreadable, change, attachment
        account INTEGER NOT NULL REFERENCES accounts,
        key TEXT NOT NULL,
        reason TEXT NOT NULL,
        name TEXT,
        raw BLOB,
        revision INTEGER NOT NULL DEFAULT 0,   -- of the conversation, when it was refused
        attempts INTEGER NOT NULL DEFAULT 1,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        not_before BIGINT NOT NULL,
        dropped INTEGER NOT NULL DEFAULT 0,
        UNIQUE (kind, account, key)
    );
    """,
    """
    CREATE TABLE leases (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- the fencing number: it only grows
        owner TEXT NOT NULL,                   -- machine and process
        until BIGINT NOT NULL
    );
    CREATE TABLE claims (
        conversation INTEGER NOT NULL REFERENCES conversations,
        case_system INTEGER NOT NULL REFERENCES accounts,
        lease INTEGER NOT NULL,
        PRIMARY KEY (conversation, case_system)
    );
    CREATE INDEX claims_by_lease ON claims (lease);
    CREATE TABLE deferrals (                   -- what the other side could not take: offered after all others
        conversation INTEGER NOT NULL REFERENCES conversations,
        case_system INTEGER NOT NULL REFERENCES accounts,
        lease INTEGER NOT NULL,
        PRIMARY KEY (conversation, case_system)
    );
    ALTER TABLE steps ADD COLUMN lease INTEGER;  -- of the run that began it
    ALTER TABLE deliveries ADD COLUMN offered_at BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE attachments ADD COLUMN tried_at BIGINT NOT NULL DEFAULT 0;
    DROP INDEX messages_by_time;                 -- messages of a time are found through their conversation
    """,
    """
    CREATE TABLE tombstones (                  -- whom a person took a conversation away from, for ever
        conversation INTEGER NOT NULL REFERENCES conversations,
        kind TEXT NOT NULL,                    -- of the identity that says who
        value TEXT NOT NULL,
        case_system INTEGER NOT NULL REFERENCES accounts,   -- one that knows
        PRIMARY KEY (conversation, kind, value, case_system)
    );
    """,
    """
    ALTER TABLE parked_changes ADD COLUMN parked_at BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE inbox (                       -- what was pushed: kept before it is answered, read later
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL REFERENCES accounts,
        received_at BIGINT NOT NULL,
        method TEXT NOT NULL,
        url TEXT NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        digest TEXT NOT NULL,                  -- of URL and body: what is sent again is not kept again
        is_read INTEGER NOT NULL DEFAULT 0,
        UNIQUE (account, digest)
    );
    CREATE INDEX inbox_to_read ON inbox (account, seq) WHERE is_read = 0;
    """,
    """
    CREATE TABLE replies (                     -- begun, and not known to be sent or not; what is known leaves no row
        key TEXT PRIMARY KEY,                  -- ours, which the channel may give back
        conversation INTEGER NOT NULL REFERENCES conversations,
        begun_at BIGINT NOT NULL,
        body TEXT NOT NULL,                    -- the message that it becomes when it turns out to be sent
        set_aside INTEGER NOT NULL DEFAULT 0   -- 1: a person looked, and sent another one
    );
    CREATE INDEX replies_by_conversation ON replies (conversation);
    """,
    """
    CREATE TABLE other_names (                 -- a thread whose messages may also come under the name of another
        thread INTEGER NOT NULL REFERENCES threads,
        other INTEGER NOT NULL REFERENCES threads,
        until BIGINT,                          -- when who goes by these names got others; NULL: never
        PRIMARY KEY (thread, other)
    );
    CREATE INDEX other_names_by_other ON other_names (other);
    """,
    """
    CREATE TABLE turns (                       -- of a message that was offered; none has a row that was not
        message INTEGER PRIMARY KEY REFERENCES messages,
        id TEXT NOT NULL
    );
    INSERT INTO turns (message, id) SELECT seq, turn FROM messages WHERE turn IS NOT NULL;
    ALTER TABLE messages DROP COLUMN turn;     -- a row that grew moved all that came after it on its page
    """,
)
