#![doc = include_str!("../README.md")]

mod argon2_hasher;
mod bcrypt_hash;
mod memory_throttle;
mod strength_judge;
mod work_pool;
mod working_memory;

pub use argon2_hasher::Argon2Hasher;
pub use memory_throttle::MemoryThrottle;
pub use strength_judge::StrengthJudge;
pub use work_pool::WorkPool;
