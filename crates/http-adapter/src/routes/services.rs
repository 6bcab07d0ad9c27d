//! `/admin/services`: the services, and who may go where.

use labgate_domain::access::Target;

use super::administration::reader;
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::ServicesPage;
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Shows the services, and for a URL and an account what a check would decide.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let typed = |name| request.parameter(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (url, account) = (typed("url"), typed("account"));
    let explained = if url.is_empty() {
        None
    } else {
        let target = Target::from_url(&url, "GET").map_err(|_| HttpErrorCode::BadRequest)?;
        let account = Some(account.as_str()).filter(|account| !account.is_empty());
        Some(state.sign_in.access().explain(&by, &target, account).await?)
    };
    let services = state.sign_in.policy().services.iter().collect();
    Ok(reply::page(&ServicesPage { t: &state.site, services, url: &url, account: &account, explained }))
}
