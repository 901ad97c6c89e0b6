//! Pages and the interface that people and scripts see.
