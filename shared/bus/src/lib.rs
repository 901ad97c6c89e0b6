//! The ledger's port carried over NATS.
