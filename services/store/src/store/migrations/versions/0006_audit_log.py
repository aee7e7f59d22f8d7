"""The audit log. Triggers number and chain each row, and refuse whatever is not an insert.

The functions run as their owner: the store's role needs SELECT and INSERT on `audit_log`, SELECT on `audit_head`, and
nothing else. The statements are frozen: `store.tables` changes later, this migration does not. It only adds.
"""

from alembic import op
from sqlalchemy import text

revision = "0006_audit_log"
down_revision = "0005_platform_lists"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE audit_log (
        number BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        actor_kind TEXT COLLATE "C" NOT NULL,
        actor TEXT COLLATE "C" NOT NULL,
        action TEXT COLLATE "C" NOT NULL,
        target TEXT COLLATE "C" NOT NULL,
        user_id TEXT COLLATE "C",
        details TEXT NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT audit_log_pkey PRIMARY KEY (number),
        CONSTRAINT audit_log_details_size_check CHECK (octet_length(details) <= 16384)
    )
    """,
    "CREATE INDEX audit_log_at_number_idx ON audit_log (at, number)",
    "CREATE INDEX audit_log_user_id_number_idx ON audit_log (user_id, number)",
    "CREATE INDEX audit_log_actor_number_idx ON audit_log (actor, number)",
    "CREATE INDEX audit_log_action_number_idx ON audit_log (action, number)",
    """
    COMMENT ON TABLE audit_log IS 'Append-only. Triggers number and chain each row, and refuse changes; '
        'store.core.audit defines the hash.'
    """,
    "COMMENT ON COLUMN audit_log.number IS '1, 2, 3, … without holes.'",
    """
    CREATE TABLE audit_head (
        one SMALLINT DEFAULT 1 NOT NULL,
        number BIGINT DEFAULT 0 NOT NULL,
        hash BYTEA NOT NULL,
        pruned_number BIGINT DEFAULT 0 NOT NULL,
        pruned_hash BYTEA NOT NULL,
        CONSTRAINT audit_head_pkey PRIMARY KEY (one),
        CONSTRAINT audit_head_one_row_check CHECK (one = 1)
    )
    """,
    """
    COMMENT ON TABLE audit_head IS 'One row: the last record of the audit log, and the last one that retention has '
        'deleted (the checkpoint).'
    """,
    """
    COMMENT ON TABLE token_mints IS 'Audit: every token that was minted. minted_by names the admin token '
        '(in older rows: its fingerprint).'
    """,
    """
    INSERT INTO audit_head (hash, pruned_hash)
    SELECT nothing, nothing FROM decode(repeat('00', 32), 'hex') AS nothing
    """,
)
# `search_path` is fixed: the functions run with their owner's rights, so nobody may choose which tables they find.
_FUNCTIONS = (
    """
    CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, {schema}, pg_temp AS $$
    DECLARE
        head audit_head%ROWTYPE;
        field text;
        content bytea;
    BEGIN
        SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
        NEW.number := head.number + 1;
        content := head.hash;
        FOREACH field IN ARRAY ARRAY[
            NEW.number::text, (extract(epoch FROM NEW.at) * 1000000)::bigint::text, NEW.actor_kind, NEW.actor,
            NEW.action, NEW.target, NEW.user_id, NEW.details
        ] LOOP
            content := content || convert_to(coalesce(octet_length(field) || ':' || field, '-') || ',', 'UTF8');
        END LOOP;
        NEW.hash := sha256(content);
        UPDATE audit_head SET number = NEW.number, hash = NEW.hash;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, {schema}, pg_temp AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.number <= (SELECT pruned_number FROM audit_head) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE FUNCTION audit_prune(before timestamptz, at_most bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, {schema}, pg_temp AS $$
    DECLARE
        head audit_head%ROWTYPE;
        last audit_log%ROWTYPE;
    BEGIN
        IF before > now() - interval '1 day' THEN
            RAISE EXCEPTION 'the audit log of the last day is never deleted' USING ERRCODE = 'insufficient_privilege';
        END IF;
        SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
        FOR last IN
            SELECT * FROM audit_log WHERE number > head.pruned_number ORDER BY number LIMIT at_most
        LOOP
            EXIT WHEN last.at >= before;
            head.pruned_number := last.number;
            head.pruned_hash := last.hash;
        END LOOP;
        UPDATE audit_head SET pruned_number = head.pruned_number, pruned_hash = head.pruned_hash
            WHERE pruned_number < head.pruned_number;
        DELETE FROM audit_log WHERE number <= head.pruned_number;
        GET DIAGNOSTICS at_most = ROW_COUNT;
        RETURN at_most;
    END $$
    """,
)
_TRIGGERS = (
    "CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain()",
    """
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
        FOR EACH ROW EXECUTE FUNCTION audit_refuse()
    """,
    """
    CREATE TRIGGER audit_log_never_truncated BEFORE TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
    """,
    """
    CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
    """,
)


def upgrade() -> None:
    schema = op.get_bind().scalar(text("SELECT quote_ident(current_schema())"))
    for statement in (*_TABLES, *(function.format(schema=schema) for function in _FUNCTIONS), *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE audit_log, audit_head")
    op.execute("DROP FUNCTION audit_chain(), audit_refuse(), audit_prune(timestamptz, bigint)")
