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
