"""Responses for more posts than one process can do: shards in, blocks of responses out, on Ray.

A shard is a file of posts, a block some of its rows and the unit of work. A reader streams a
shard into blocks, a worker that holds the model answers a block and writes its file whole or not
at all, the driver counts. What is done is what lies in the folder: a block whose file is there is
never asked again, whoever died. At the end every row is looked up in the files.

Ray's actors are used and not Ray Data: its outputs are named anew by every run, so it cannot tell
after a restart what is done, and which rows made a file is up to its scheduler.
"""
