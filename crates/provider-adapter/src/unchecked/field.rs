use labgate_domain::admission::Criterion;

/// A setting of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The name in URLs and logs.
    Id,
    /// The name on the sign-in page.
    Name,
    /// The authorization endpoint.
    AuthUrl,
    /// The token endpoint.
    TokenUrl,
    /// The issuer, where it does not follow from both endpoints or stands in their place.
    Issuer,
    /// The origin at which this machine reaches the provider, where browsers reach it at another.
    InternalUrl,
    /// The origins where plain http is allowed.
    PlainHttpOrigin,
    /// The name of its [`Kind`](crate::Kind). Without it, the URLs and the issuer tell. It must not
    /// contradict those.
    Kind,
    /// The client id at the provider.
    ClientId,
    /// The client secret.
    ClientSecret,
    /// The method of client authentication; without it, one that the provider accepts.
    ClientAuth,
    /// The client's private key, as PEM.
    ClientKey,
    /// The name of the client's key at the provider (`kid`).
    ClientKeyId,
    /// The client's certificate chain, as PEM.
    ClientCertificate,
    /// The audience of the client's assertions: `issuer` or `token_endpoint`.
    AssertionAudience,
    /// The scopes; `profile email` by default, and `openid` in any case.
    Scopes,
    /// `claim` or `provider`.
    EmailTrust,
    /// `when_email_is_missing` or `always`.
    Userinfo,
    /// The audiences that ID tokens and logout tokens may have beside the client.
    TrustedAudiences,
    /// The algorithm that the client is registered for (`id_token_signed_response_alg`). Without it, ID
    /// tokens have any that the provider states.
    IdTokenAlgorithm,
    /// The organisation of the people, or the provider behind the provider. The kind must have a parameter
    /// for it.
    DomainHint,
    /// Further parameters of the authorization request, each as `name=value`.
    AuthorizationParameters,
    /// `true` pushes authorization requests (RFC 9126) also where the provider does not demand it.
    PushedRequests,
    /// `true` asks Microsoft Graph for groups without room in the ID token. It takes the scope `User.Read`.
    FetchGroups,
    /// The claim of the groups, or the way to it.
    GroupsClaim,
    /// The claim of the e-mail address, in place of `email`.
    EmailClaim,
    /// The claim of the name for new accounts. Without it, the e-mail address is the name.
    UsernameClaim,
    /// The claim of the person's full name, before `name`.
    NameClaim,
    /// A list of values for an admission rule.
    Allow(Criterion),
    /// The groups that make administrators.
    AdminGroups,
    /// The interval of session revalidation, or `off`.
    Recheck,
    /// Certification authorities to trust besides the system's, as a bundle of PEM certificates.
    ExtraCa,
}
