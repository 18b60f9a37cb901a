//! What the facade stands on: the real thing or the explorer, with the same names and signatures.
//! Nothing here knows ranks.

#[cfg(not(extant_explore))]
mod real;
#[cfg(not(extant_explore))]
pub use real::*;

#[cfg(extant_explore)]
mod explore;
#[cfg(extant_explore)]
pub use explore::*;
