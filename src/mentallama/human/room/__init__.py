"""The rating room: the server where people rate, its database, and what goes in and out of it."""
