// A certified OpenID provider (npm: oidc-provider) on loopback, with a sign-in page of its own.
//
// LAB_ORIGIN  where Labgate answers, for the redirect URI       (required)
// PORT        0 takes a free one                                (default 0)
//
// Prints "issuer <url>" on its first line of output and ends when its standard input does, so that it cannot
// outlive the test that started it.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const lab = process.env.LAB_ORIGIN;
if (!lab) throw new Error('LAB_ORIGIN is not set');

const users = {
  ada: { name: 'Ada Example', preferred_username: 'ada', email: 'ada@example.test', email_verified: true, groups: ['lab-users'] },
  bob: { name: 'Bob Example', preferred_username: 'bob', email: 'bob@example.test', email_verified: false },
  noone: { name: 'No Mail', preferred_username: 'noone' },
};

const server = createServer();
await new Promise((listening) => server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, await configuration());
const protocol = provider.callback();

server.on('request', async (request, response) => {
  if (!request.url.startsWith('/sign-in/')) return protocol(request, response);
  try {
    await signIn(request, response);
  } catch (error) {
    response.writeHead(400, { 'content-type': 'text/plain' }).end(error.message);
  }
});
for (const event of ['server_error', 'backchannel.error', 'authorization.error', 'grant.error']) {
  provider.on(event, (_, error) => console.error(`${event}: ${error.message} ${error.error_detail ?? ''}`));
}
process.stdin.on('end', () => process.exit(0)).resume();
console.log(`issuer ${issuer}`);

async function configuration() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return {
    clients: [{
      client_id: 'lab',
      client_secret: 'lab-secret',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${lab}/api/auth/oidc/callback`],
      post_logout_redirect_uris: [`${lab}/signed-out`],
      backchannel_logout_uri: `${lab}/api/auth/oidc/backchannel-logout`,
      backchannel_logout_session_required: true,
    }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', kid: 'signing', use: 'sig' }] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
    // Claims of scopes stand in the ID token, as the providers do that labs use; a conforming provider need not.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
    // Its own dispatcher refuses to call loopback addresses, where the lab is.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (_, id) => users[id] && { accountId: id, claims: () => ({ sub: id, ...users[id] }) },
    // The lab is first-party here: everybody consents.
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile email offline_access');
      await grant.save();
      return grant;
    },
    ttl: { AuthorizationCode: 60, AccessToken: 300, IdToken: 300, Interaction: 600, Session: 3600, Grant: 3600 },
  };
}

// GET shows who can sign in; POST takes `user`, or `cancel`.
async function signIn(request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  if (prompt.name === 'consent') {
    return provider.interactionFinished(request, response, { consent: {} }, { mergeWithLastSubmission: true });
  }
  if (request.method === 'GET') {
    const buttons = Object.keys(users).map((id) => `<button name="user" value="${id}">${id}</button>`).join(' ');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><html lang="en"><title>Sign in</title>
<form method="post"><h1>Who are you?</h1><p>${buttons}</p><button name="cancel" value="yes">Cancel</button></form>`);
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const result = Object.hasOwn(users, form.get('user'))
    ? { login: { accountId: form.get('user') } }
    : { error: 'access_denied', error_description: 'the person cancelled' };
  await provider.interactionFinished(request, response, result);
}
