use labgate_domain::ForeignText;
use labgate_domain::protocol::Issuer;

use super::candidates::{Candidate, MAX_FETCHES, candidates, document_of};
use super::error::{DerivationError, NotVouched, OtherEndpoint, Tried, WhyNot};
use super::metadata::{ProviderMetadata, Role};
use super::operator_urls::{ConfiguredIssuer, OperatorUrls};
use super::source::{FetchError, MetadataSource};
use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::kind::{Kinds, Preset};

/// An accepted document, and where it stands.
type Found = (ProviderMetadata, Endpoint);

/// One search for a provider's document, and what it has seen.
pub(super) struct Search<'a> {
    urls: &'a OperatorUrls,
    /// The name of the kind that the URLs tell.
    kind: &'static str,
    preset: &'a dyn Preset,
    source: &'a dyn MetadataSource,
    tried: Vec<Tried>,
    fetches: usize,
    silent_origins: Vec<String>,
    asked_foreign_issuer: bool,
    /// The first document of a place of the search that is of other endpoints, and those.
    mistyped: Option<(Endpoint, Vec<OtherEndpoint>)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        urls: &'a OperatorUrls,
        kind: &'static str,
        preset: &'a dyn Preset,
        source: &'a dyn MetadataSource,
    ) -> Self {
        Self {
            urls,
            kind,
            preset,
            source,
            tried: Vec::new(),
            fetches: 0,
            silent_origins: Vec::new(),
            asked_foreign_issuer: false,
            mistyped: None,
        }
    }

    /// A preset knows the place, and what must stand there.
    pub(super) async fn only_at(mut self, document: Endpoint) -> Result<Found, DerivationError> {
        let opened = self.open(&document).await.and_then(|metadata| {
            let fits = self.preset.check_issuer(&metadata);
            fits.map_err(|expected| WhyNot::other_issuer(&metadata, &expected))?;
            self.of_our_endpoints(metadata)
        });
        match (opened, &self.urls.issuer) {
            (Ok(metadata), Some(configured)) if metadata.issuer != configured.issuer => {
                Err(mismatch(configured, &metadata, &document))
            }
            (Ok(metadata), _) => Ok((metadata, document)),
            (Err(why_not), _) => {
                self.note(document, why_not);
                Err(self.not_confirmed())
            }
        }
    }

    /// The operator names the issuer: its own document comes first, then the candidates' that name it.
    pub(super) async fn confirm(mut self, configured: &ConfiguredIssuer) -> Result<Found, DerivationError> {
        let own = document_of(&configured.home);
        let candidates = candidates(self.urls).into_iter().map(|candidate| candidate.document);
        let further = candidates.filter(|document| *document != own);
        for document in std::iter::once(own.clone()).chain(further) {
            let opened = self.open(&document).await;
            if let Ok(metadata) = &opened
                && document == own
                && metadata.issuer != configured.issuer
            {
                return Err(mismatch(configured, metadata, &own));
            }
            if let Ok(metadata) = &opened
                && metadata.issuer == configured.issuer
            {
                self.compare(&document, metadata);
            }
            let fitting = opened.and_then(|metadata| self.of_our_endpoints(metadata));
            match fitting.and_then(|metadata| with_issuer(metadata, &configured.issuer)) {
                Ok(metadata) => return Ok((metadata, document)),
                Err(why_not) => self.note(document, why_not),
            }
        }
        Err(self.not_confirmed())
    }

    /// The issuer is not configured.
    pub(super) async fn among_candidates(mut self, kinds: Kinds) -> Result<Found, DerivationError> {
        if self.preset.needs_issuer() {
            return Err(self.need_issuer(kinds));
        }
        for candidate in candidates(self.urls) {
            match self.candidate(&candidate).await {
                Ok(found) => return Ok(found),
                Err(why_not) => self.note(candidate.document, why_not),
            }
        }
        Err(self.need_issuer(kinds))
    }

    async fn candidate(&mut self, candidate: &Candidate) -> Result<Found, WhyNot> {
        let metadata = self.open(&candidate.document).await?;
        if candidate.is_issuer(&metadata.issuer) {
            self.compare(&candidate.document, &metadata);
        }
        let metadata = self.of_our_endpoints(metadata)?;
        if candidate.is_issuer(&metadata.issuer) {
            return Ok((metadata, candidate.document.clone()));
        }
        self.vouched_for(&metadata.issuer).await.map_err(|reason| WhyNot::NotVouched {
            issuer: ForeignText::new(metadata.issuer.as_str()),
            reason: Box::new(reason),
        })
    }

    /// A foreign issuer vouches when its own document names it and the operator's two endpoints. That
    /// document is the one to use: a document about another issuer proves nothing of that issuer's keys. Its
    /// issuer is not followed further.
    async fn vouched_for(&mut self, issuer: &Issuer) -> Result<Found, NotVouched> {
        let home = Endpoint::parse_published(issuer.as_str(), &self.urls.hosts)?;
        ensure(home.url().scheme() == "https", NotVouched::NotHttps)?;
        let asked_before = std::mem::replace(&mut self.asked_foreign_issuer, true);
        ensure(!asked_before, NotVouched::AnotherWasAsked)?;
        let document = document_of(&home);
        let opened = self.open(&document).await.and_then(|metadata| with_issuer(metadata, issuer));
        match opened.and_then(|metadata| self.of_our_endpoints(metadata)) {
            Ok(metadata) => Ok((metadata, document)),
            Err(why_not) => Err(NotVouched::Document(Tried { document, why_not })),
        }
    }

    async fn open(&mut self, document: &Endpoint) -> Result<ProviderMetadata, WhyNot> {
        let origin = document.origin();
        ensure(!self.silent_origins.contains(&origin), WhyNot::SilentServer)?;
        ensure(self.fetches < MAX_FETCHES, WhyNot::Limit)?;
        self.fetches += 1;
        let fetched = self.source.fetch(document).await;
        if matches!(fetched, Err(FetchError::Unreachable(..))) {
            self.silent_origins.push(origin);
        }
        Ok(ProviderMetadata::parse(&fetched?, &self.urls.hosts)?)
    }

    /// The metadata, if it names the operator's two endpoints.
    fn of_our_endpoints(&self, metadata: ProviderMetadata) -> Result<ProviderMetadata, WhyNot> {
        let swapped = metadata.authorization_endpoint == *self.urls.token()
            && metadata.token_endpoint == *self.urls.authorization();
        match self.preset.other_endpoint(self.urls, &metadata) {
            None => Ok(metadata),
            Some(_) if swapped => Err(WhyNot::Swapped),
            Some(role) => Err(OtherEndpoint { role, published: role.of(&metadata).clone() }.into()),
        }
    }

    /// Keeps the endpoints of a provider that stands where it may, so that the operator sees what to correct.
    fn compare(&mut self, document: &Endpoint, metadata: &ProviderMetadata) {
        let differs = |role: &Role| role.of(metadata) != role.of_operator(self.urls);
        let differing = [Role::Authorization, Role::Token].into_iter().filter(differs);
        let differing: Vec<_> =
            differing.map(|role| OtherEndpoint { role, published: role.of(metadata).clone() }).collect();
        let is_swapped = metadata.authorization_endpoint == *self.urls.token()
            && metadata.token_endpoint == *self.urls.authorization();
        if self.mistyped.is_none() && !differing.is_empty() && !is_swapped {
            self.mistyped = Some((document.clone(), differing));
        }
    }

    fn note(&mut self, document: Endpoint, why_not: WhyNot) {
        self.tried.push(Tried { document, why_not });
    }

    fn not_confirmed(self) -> DerivationError {
        let issuer = self.urls.configured_issuer().cloned();
        self.nothing_found(|tried| DerivationError::NotConfirmed { issuer, tried })
    }

    fn need_issuer(self, kinds: Kinds) -> DerivationError {
        let (kind, hint) = (self.kind, kinds.issuer_hint(self.urls));
        self.nothing_found(|tried| DerivationError::NeedIssuer { kind, hint, tried })
    }

    /// This error, unless a place that gave no definite answer may still hold the document.
    fn nothing_found(self, error: impl FnOnce(Vec<Tried>) -> DerivationError) -> DerivationError {
        let tried = self.tried;
        let is_undecided = tried.iter().any(|tried| tried.why_not.outage().is_some());
        match self.mistyped {
            _ if is_undecided => DerivationError::Unavailable { tried },
            Some((document, differing)) => {
                DerivationError::OtherEndpoints { document: document.as_str().to_owned(), differing, tried }
            }
            None => error(tried),
        }
    }
}

/// The metadata, if it is of this issuer.
fn with_issuer(metadata: ProviderMetadata, issuer: &Issuer) -> Result<ProviderMetadata, WhyNot> {
    let other = || WhyNot::other_issuer(&metadata, issuer.as_str());
    if metadata.issuer == *issuer { Ok(metadata) } else { Err(other()) }
}

fn mismatch(
    configured: &ConfiguredIssuer,
    metadata: &ProviderMetadata,
    document: &Endpoint,
) -> DerivationError {
    DerivationError::IssuerMismatch {
        configured: configured.issuer.clone(),
        published: ForeignText::new(metadata.issuer.as_str()),
        document: document.as_str().to_owned(),
    }
}
