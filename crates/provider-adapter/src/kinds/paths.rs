use crate::derivation::OperatorUrls;
use crate::endpoint::Endpoint;

/// Returns the path that a product's authorization and token endpoint, both at one origin, are below; `None`
/// if they are another's, or the settings state another kind.
pub(super) fn above<'a>(
    urls: &'a OperatorUrls,
    kind: &str,
    [authorization, token]: [&str; 2],
) -> Option<&'a str> {
    let above = |endpoint: &'a Endpoint, path| endpoint.url().path().strip_suffix(path);
    let path = above(urls.authorization(), authorization)?;
    let is_it = urls.share_an_origin() && urls.may_be(kind) && above(urls.token(), token) == Some(path);
    is_it.then_some(path)
}
