"""What vendors deliver: received and kept before anything else, then sorted to its chapter, then acted on.

    vendor -> wsgi (size, address) -> intake (verify, one insert into the hub's inbox) -> 200
    job inbound.drain, in the chapter: inbox -> events, each once -> what changed is read again, or a sync wished for
    job inbound.spread, in the hub: what is for several chapters -> each chapter its own events

A delivery says *that* something changed. What it is now is asked of the vendor, so the order of deliveries does not matter.
"""
