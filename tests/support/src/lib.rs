//! What tests of several crates share. For tests only: nothing of it is in a program.
//!
//! - [`volume`]: a ConfigMap or Secret that is mounted as a volume, and changes

pub mod volume;
