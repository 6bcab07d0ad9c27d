//! The throttle of a lab with one process.

use std::sync::Arc;

use labgate_domain::ports::Throttle;
use labgate_password::MemoryThrottle;

#[path = "rate_limits.rs"]
mod rate_limits;

async fn throttles() -> ((), [Arc<dyn Throttle>; 2]) {
    let throttle = Arc::new(MemoryThrottle::new());
    ((), [Arc::clone(&throttle) as _, throttle])
}
