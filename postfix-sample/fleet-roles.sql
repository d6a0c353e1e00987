-- fleet-roles.sql - the database and the roles of a roster that many relays share
--
-- Once, on the primary, as a superuser:
--
--   psql -v ON_ERROR_STOP=1 -f fleet-roles.sql
--
-- Then give each a password; psql asks for it, and sends only its hash:
--
--   psql -c '\password notify_owner'
--
-- Then create the tables, as their owner, and grant the rights on them
-- (fleet-relay.conf says where the programs find URL and password):
--
--   PGUSER=notify_owner notifyctl init
--   psql -v ON_ERROR_STOP=1 -U notify_owner -d notify -f fleet-grants.sql
--
-- Run the last two again after each upgrade of notify-milter.

CREATE ROLE notify_owner LOGIN;		-- creates and upgrades the tables
CREATE ROLE notify_ctl LOGIN;		-- notifyctl: changes the roster
CREATE ROLE notify_milter LOGIN;	-- notify-milter: reads only
CREATE ROLE notify_telegram LOGIN;	-- notify-telegram
CREATE ROLE notify_bot LOGIN;		-- notify-bot
CREATE ROLE notify_standby LOGIN REPLICATION;

CREATE DATABASE notify OWNER notify_owner TEMPLATE template0 ENCODING 'UTF8';
-- No other role may connect, or create even a temporary table.
REVOKE ALL ON DATABASE notify FROM PUBLIC;
GRANT CONNECT ON DATABASE notify
	TO notify_ctl, notify_milter, notify_telegram, notify_bot;

\connect notify
DROP SCHEMA public;
CREATE SCHEMA notify AUTHORIZATION notify_owner;
GRANT USAGE ON SCHEMA notify
	TO notify_ctl, notify_milter, notify_telegram, notify_bot;
ALTER DATABASE notify SET search_path = notify;

-- What PostgreSQL lets every role do, and no program does. On a server that was
-- set up for 0.1.0, run the lines from here to the end once, as a superuser in the
-- database (psql -d notify).
--
-- Large objects, and messages in the log of changes: both fill the disk. Advisory
-- locks: who holds the right one keeps every change waiting, or every bot from
-- polling. notify-milter takes none.
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT oid FROM pg_proc
		WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname IN
		('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'lowrite',
		'pg_logical_emit_message', 'pg_notify')
		OR proname ~ '^pg_(try_)?advisory_(xact_)?lock')
	LOOP
		EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || f || ' FROM PUBLIC';
	END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION pg_advisory_xact_lock(integer, integer)
	TO notify_owner, notify_ctl, notify_telegram, notify_bot;
GRANT EXECUTE ON FUNCTION pg_try_advisory_lock(integer, integer) TO notify_bot;

-- What is left cannot be taken from a role. It may change its own password and its
-- own settings (ALTER ROLE), and so keep its own program out; the settings on which
-- a decision depends the programs set themselves, in each session. It may use CPU,
-- memory and temporary files as far as the server's settings allow
-- (temp_file_limit), and NOTIFY. notify_ctl, notify_telegram and notify_bot can keep
-- each other from changing the roster, by the lock that keeps them apart; notifyctl
-- then says that it is locked.
