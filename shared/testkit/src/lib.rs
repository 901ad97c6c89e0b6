//! Tools for tests: scenarios, a ledger in memory, the port's conformance suite, a real broker and mail server.
