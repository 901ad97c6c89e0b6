//! What every process of Rondo needs: clock, chance, lifecycle, subscription, savepoints, telemetry and configuration.

pub mod alarm;
pub mod backoff;
pub mod chance;
pub mod clock;
pub mod config;
pub mod durable;
pub mod lifecycle;
pub mod memory;
pub mod patient;
pub mod people;
pub mod progress;
pub mod savepoint;
mod scribe;
pub mod secret;
mod service;
pub mod subscription;
mod synchronised;
pub mod telemetry;
