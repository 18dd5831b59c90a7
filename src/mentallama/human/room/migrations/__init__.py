"""The database's schema, step by step; each start of the room brings a database up to date."""
