"""Stand-ins for the vendors of messages: real servers on this machine, written from the vendors' documents.

Each checks a request as its vendor does, keeps what "the phone" got, and can misbehave: late, with errors,
hanging up, with reports that come twice or in another order. The module is also
a program, which starts all of them with a page.
"""
