use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};

use crate::capture::CapturedRequest;
use crate::issuer::{IssuerCore, locked};
use crate::logout_notice::{LogoutNotice, Notices};
use crate::{delivery, routes};

/// The state that the server and the handles share.
pub(crate) struct Core {
    pub(crate) issuers: Vec<Arc<IssuerCore>>,
    pub(crate) captured: Mutex<VecDeque<CapturedRequest>>,
    pub(crate) notices: Mutex<VecDeque<LogoutNotice>>,
    sends_logout_tokens: bool,
}

/// The most requests and the most notices that are kept; the oldest go first.
const MAX_REQUESTS: usize = 10_000;
const MAX_NOTICES: usize = 1_000;

impl Core {
    pub(crate) fn new(issuers: Vec<Arc<IssuerCore>>, sends_logout_tokens: bool) -> Self {
        Self { issuers, captured: Mutex::default(), notices: Mutex::default(), sends_logout_tokens }
    }

    pub(crate) async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        keep(&self.captured, [CapturedRequest::of(&request)], MAX_REQUESTS);
        let mut response = routes::answer(&self.issuers, &request);
        if let Some(Notices(notices)) = response.extensions_mut().remove() {
            keep(&self.notices, self.deliver(notices).await, MAX_NOTICES);
        }
        response
    }

    /// Sends notices if this mock listens: the same ones, with what was answered.
    pub(crate) async fn deliver(&self, mut notices: Vec<LogoutNotice>) -> Vec<LogoutNotice> {
        if self.sends_logout_tokens {
            for notice in &mut notices {
                notice.answer = delivery::send(notice).await;
            }
        }
        notices
    }
}

fn keep<T>(kept: &Mutex<VecDeque<T>>, new: impl IntoIterator<Item = T>, most: usize) {
    let mut kept = locked(kept);
    kept.extend(new);
    let too_many = kept.len().saturating_sub(most);
    kept.drain(..too_many);
}
