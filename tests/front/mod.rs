//! Real reverse proxies, with the configurations of `docs/deploy`, in front of a lab with services. `cargo xtask e2e
//! --lab` brings the proxies and runs this.

pub(crate) mod client;
pub(crate) mod echo;
mod lab;
mod paths;
pub(crate) mod proxy;
mod table;
mod verified;

use std::sync::Arc;

use self::lab::Lab;
use self::proxy::Product;

#[tokio::test(flavor = "multi_thread")]
async fn nginx() {
    in_front_of_a_lab(&proxy::NGINX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy() {
    in_front_of_a_lab(&proxy::CADDY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy() {
    in_front_of_a_lab(&proxy::HAPROXY).await;
}

/// What `docs/deploy/haproxy.md` says of a `HAProxy` that verifies passes itself.
#[tokio::test(flavor = "multi_thread")]
async fn haproxy_that_verifies_passes() {
    let lab = Arc::new(Lab::behind(&proxy::VERIFYING_HAPROXY).await);
    verified::passes_are_verified(&lab).await;
}

/// What `docs/deploy/nginx.md` says of an nginx that verifies passes itself.
#[tokio::test(flavor = "multi_thread")]
async fn nginx_that_verifies_passes() {
    let lab = Arc::new(Lab::behind(&proxy::VERIFYING_NGINX).await);
    verified::passes_are_verified(&lab).await;
    verified::a_seal_is_good_for_its_pass(&lab).await;
}

async fn in_front_of_a_lab(product: &'static Product) {
    let lab = Arc::new(Lab::behind(product).await);
    let failed = table::fill(&lab).await;
    assert!(failed.is_empty(), "{}: {failed:?}\n{}", product.name, lab.log());
}
