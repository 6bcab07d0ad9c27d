use labgate_domain::ForeignText;
use labgate_domain::protocol::Issuer;

use super::candidates::{Candidate, MAX_FETCHES, candidates, document_of};
use super::error::{DerivationError, NotVouched, OtherEndpoint, Tried, WhyNot};
use super::metadata::ProviderMetadata;
use super::operator_urls::{ConfiguredIssuer, OperatorUrls};
use super::source::{FetchError, MetadataSource};
use crate::endpoint::Endpoint;
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
        }
    }

    /// A preset knows the place, and what must stand there.
    pub(super) async fn only_at(mut self, document: Endpoint) -> Result<Found, DerivationError> {
        let opened = self.open(&document).await.and_then(|metadata| {
            let fits = self.preset.check_issuer(&metadata);
            fits.map_err(|expected| WhyNot::other_issuer(&metadata, &expected))?;
            self.endpoints_fit(&metadata)?;
            Ok(metadata)
        });
        match (opened, self.urls.issuer()) {
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
        match self.open(&own).await {
            Ok(metadata) if metadata.issuer != configured.issuer => {
                return Err(mismatch(configured, &metadata, &own));
            }
            Ok(metadata) => match self.endpoints_fit(&metadata) {
                Ok(()) => return Ok((metadata, own)),
                Err(why_not) => self.note(own.clone(), why_not),
            },
            Err(why_not) => self.note(own.clone(), why_not),
        }
        for Candidate { document, .. } in candidates(self.urls) {
            if document == own {
                continue;
            }
            let opened = self.open(&document).await.and_then(|metadata| {
                self.endpoints_fit(&metadata)?;
                if metadata.issuer == configured.issuer {
                    Ok(metadata)
                } else {
                    Err(WhyNot::other_issuer(&metadata, configured.issuer.as_str()))
                }
            });
            match opened {
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
        self.endpoints_fit(&metadata)?;
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
        let home = Endpoint::parse_published(issuer.as_str(), self.urls.hosts())?;
        if home.url().scheme() != "https" {
            return Err(NotVouched::NotHttps);
        }
        if std::mem::replace(&mut self.asked_foreign_issuer, true) {
            return Err(NotVouched::AnotherWasAsked);
        }
        let document = document_of(&home);
        let opened = self.open(&document).await.and_then(|metadata| {
            if metadata.issuer != *issuer {
                return Err(WhyNot::other_issuer(&metadata, issuer.as_str()));
            }
            self.endpoints_fit(&metadata)?;
            Ok(metadata)
        });
        match opened {
            Ok(metadata) => Ok((metadata, document)),
            Err(why_not) => Err(NotVouched::Document(Tried { document, why_not })),
        }
    }

    async fn open(&mut self, document: &Endpoint) -> Result<ProviderMetadata, WhyNot> {
        let origin = document.origin();
        if self.silent_origins.contains(&origin) {
            return Err(WhyNot::SilentServer);
        }
        if self.fetches == MAX_FETCHES {
            return Err(WhyNot::Limit);
        }
        self.fetches += 1;
        let fetched = self.source.fetch(document).await;
        if matches!(fetched, Err(FetchError::Unreachable(..))) {
            self.silent_origins.push(origin);
        }
        Ok(ProviderMetadata::parse(&fetched?, self.urls.hosts())?)
    }

    fn endpoints_fit(&self, metadata: &ProviderMetadata) -> Result<(), WhyNot> {
        let swapped = metadata.authorization_endpoint == *self.urls.token()
            && metadata.token_endpoint == *self.urls.authorization();
        match self.preset.other_endpoint(self.urls, metadata) {
            None => Ok(()),
            Some(_) if swapped => Err(WhyNot::Swapped),
            Some(role) => Err(OtherEndpoint { role, published: role.of(metadata).clone() }.into()),
        }
    }

    fn note(&mut self, document: Endpoint, why_not: WhyNot) {
        self.tried.push(Tried { document, why_not });
    }

    fn not_confirmed(self) -> DerivationError {
        if self.is_undecided() {
            return DerivationError::Unavailable { tried: self.tried };
        }
        let issuer = self.urls.issuer().map(|configured| configured.issuer.clone());
        DerivationError::NotConfirmed { issuer, tried: self.tried }
    }

    fn need_issuer(self, kinds: Kinds) -> DerivationError {
        if self.is_undecided() {
            return DerivationError::Unavailable { tried: self.tried };
        }
        let hint = kinds.issuer_hint(self.urls);
        DerivationError::NeedIssuer { kind: self.kind, hint, tried: self.tried }
    }

    /// Returns whether a place that gave no definite answer may still hold the document.
    fn is_undecided(&self) -> bool {
        self.tried.iter().any(|tried| tried.why_not.is_temporary())
    }
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
