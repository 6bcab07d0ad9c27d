use labgate_domain::protocol::Issuer;

use super::operator_urls::OperatorUrls;
use crate::endpoint::Endpoint;

/// The number of documents that one derivation may fetch.
pub const MAX_FETCHES: usize = 10;

/// The path below an issuer (Discovery section 4).
const WELL_KNOWN: &str = ".well-known/openid-configuration";

/// The place of an issuer's document (Discovery section 4.1: a terminating slash is removed first).
pub(crate) fn document_of(issuer: &Endpoint) -> Endpoint {
    issuer.child(WELL_KNOWN)
}

/// A directory that may be an issuer, on an origin that the operator typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) document: Endpoint,
    issuers: Vec<String>,
}

impl Candidate {
    fn new(urls: &OperatorUrls, on: &Endpoint, directory: &str) -> Self {
        let origins = [on.origin(), urls.authorization().origin()];
        let issuers = origins.iter().map(|origin| format!("{origin}{directory}")).collect();
        Self { document: document_of(&on.with_path(directory)), issuers }
    }

    /// Returns whether an issuer is this directory, with or without a slash at its end. With split hosts the
    /// issuer may be on the authorization endpoint's origin while the document is on the token endpoint's.
    pub(super) fn is_issuer(&self, issuer: &Issuer) -> bool {
        let issuer = issuer.as_str();
        self.issuers.iter().any(|own| issuer.strip_prefix(own).is_some_and(|rest| matches!(rest, "" | "/")))
    }
}

/// The candidates, in the order in which they are asked, at most [`MAX_FETCHES`].
pub(super) fn candidates(urls: &OperatorUrls) -> Vec<Candidate> {
    let directories = directories(urls);
    let mut origins = vec![urls.authorization()];
    if !urls.share_an_origin() {
        origins.push(urls.token());
    }
    let mut found: Vec<Candidate> = Vec::new();
    for origin in origins {
        for directory in &directories {
            let candidate = Candidate::new(urls, origin, directory);
            if !found.iter().any(|known| known.document == candidate.document) {
                found.push(candidate);
            }
        }
    }
    found.truncate(MAX_FETCHES);
    found
}

/// Every common ancestor directory of both paths, longest first, without a slash at the end. `X/v2.0` goes
/// before those when the paths are `X/oauth2/v2.0/…`, as at Microsoft's.
fn directories(urls: &OperatorUrls) -> Vec<String> {
    let (authorization, token) = (urls.authorization().segments(), urls.token().segments());
    let parents = |segments: &[&str]| segments.len().saturating_sub(1);
    let most = parents(&authorization).min(parents(&token));
    let common: Vec<&str> = std::iter::zip(&authorization, &token)
        .take(most)
        .take_while(|(one, other)| one == other)
        .map(|(segment, _)| *segment)
        .collect();
    let microsoft =
        common.strip_suffix(&["oauth2", "v2.0"]).map(|parent| path(parent.iter().chain(&["v2.0"])));
    let ancestors = (0..=common.len()).rev().map(|length| path(common.iter().take(length)));
    microsoft.into_iter().chain(ancestors).collect()
}

fn path<'a>(segments: impl IntoIterator<Item = &'a &'a str>) -> String {
    segments.into_iter().flat_map(|segment| ["/", segment]).collect()
}
