/// Why something that was handed in gives nothing: the description of an `invalid_grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Worthless {
    #[error("The code is unknown.")]
    UnknownCode,
    #[error("The code was given to another client.")]
    ForeignCode,
    #[error("The code was used before; what it gave has been revoked.")]
    UsedCode,
    #[error("The code has expired.")]
    ExpiredCode,
    #[error("The redirect_uri is not the one of the authorization request.")]
    RedirectUri,
    #[error("The code_verifier does not answer the code_challenge.")]
    Verifier,
    #[error("The grant is not remembered any more.")]
    ForgottenGrant,
    #[error("The refresh token is unknown.")]
    UnknownRefresh,
    #[error("The refresh token has been revoked.")]
    RevokedRefresh,
    #[error("The refresh token was given to another client.")]
    ForeignRefresh,
    #[error("The refresh token was used before; its whole family has been revoked.")]
    UsedRefresh,
    #[error("The refresh token has expired.")]
    ExpiredRefresh,
}
