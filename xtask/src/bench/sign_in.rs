//! One whole external sign-in, and the way from it to a service on a host of its own: the browser's part.

use anyhow::{Context as _, Result, ensure};

use super::http::{exchange, exchange_at};
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

/// Enters the host of a service, with its port, and returns what the browser sends there as `Cookie` from then on.
pub(super) fn enter(places: &Places, host: &str, session: &str) -> Result<String> {
    let (lab, service) = (places.lab_url(), format!("http://{host}"));
    let begun = exchange_at(host, places.lab_port, "GET", "/.labgate/enter?to=%2F", "", "")?;
    let asked = begun.location()?.strip_prefix(&lab).context("the service sends us elsewhere")?;
    let given = exchange(places.lab_port, "GET", asked, &format!("cookie: {session}\r\n"), "")?;
    let back = given.location()?.strip_prefix(&service).context("the lab sends us elsewhere")?;
    let entering = format!("cookie: {}\r\n", begun.cookies());
    let entered = exchange_at(host, places.lab_port, "GET", back, &entering, "")?;
    ensure!(entered.location()? == format!("{service}/"), "the way ends at {}", entered.location()?);
    Ok(entered.cookies())
}
