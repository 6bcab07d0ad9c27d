//! One whole external sign-in, the browser's part of it.

use anyhow::{Context as _, Result, ensure};

use super::http::exchange;
use crate::lab::Places;

/// Signs in as `ada` and returns what the browser sends as `Cookie` from then on.
pub(super) fn once(places: &Places) -> Result<String> {
    let begun = exchange(places.lab_port, "GET", "/api/auth/oidc/login", "", "")?;
    let (_, query) = begun.location()?.split_once('?').context("an authorization request has a query")?;

    // The provider's page posts to this path with the query of the request.
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let chosen = exchange(places.idp_port, "POST", &format!("/login?{query}"), form, "user=ada")?;
    let callback =
        chosen.location()?.strip_prefix(&places.lab_url()).context("the provider sends us elsewhere")?;

    let attempt = format!("cookie: {}\r\n", begun.cookies());
    let done = exchange(places.lab_port, "GET", callback, &attempt, "")?;
    ensure!(done.location()? == "/", "the sign-in ends at {}", done.location()?);
    Ok(done.cookies())
}
