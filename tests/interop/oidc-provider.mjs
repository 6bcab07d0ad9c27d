// A certified OpenID provider (npm: oidc-provider) on loopback, with a sign-in page of its own.
//
// LAB_ORIGIN  where Labgate answers, for the redirect URI       (required)
// SETTING     in JSON what differs from the usual, as follows   (default {})
//   client    the client's metadata; `jwks` may be "made", for a key that only the provider needs
//   key_file  where to write the private key of the client, whose other half the provider knows
//   provider  the provider's configuration
//   keys      the algorithms that the provider has keys for
//   groups    the claim `groups` of ada
//
// Prints "issuer <url>" on its first line of output and ends when its standard input does, so that it cannot
// outlive the test that started it.
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const lab = process.env.LAB_ORIGIN;
if (!lab) throw new Error('LAB_ORIGIN is not set');
const setting = { client: {}, provider: {}, keys: ['RS256'], groups: ['lab-users'], ...JSON.parse(process.env.SETTING ?? '{}') };

// Long enough to sign with.
const secret = 'lab-secret-that-has-32-characters';

const users = {
  ada: { name: 'Ada Example', preferred_username: 'ada', email: 'ada@example.test', email_verified: true, groups: setting.groups },
  bob: { name: 'Bob Example', preferred_username: 'bob', email: 'bob@example.test', email_verified: false },
  noone: { name: 'No Mail', preferred_username: 'noone' },
};

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
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
  const keys = await Promise.all(setting.keys.map(async (alg, number) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, kid: `signing-${number}`, use: 'sig' };
  }));
  if (setting.client.jwks === 'made') {
    const { publicKey } = await generateKeyPair('RSA-OAEP', { extractable: true });
    setting.client.jwks = { keys: [{ ...(await exportJWK(publicKey)), use: 'enc' }] };
  }
  if (setting.key_file) {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    await writeFile(setting.key_file, await exportPKCS8(privateKey), { mode: 0o600 });
    setting.client.jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' }] };
  }
  return {
    clients: [{
      client_id: 'lab',
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${lab}/api/auth/oidc/callback`],
      post_logout_redirect_uris: [`${lab}/signed-out`],
      backchannel_logout_uri: `${lab}/api/auth/oidc/backchannel-logout`,
      backchannel_logout_session_required: true,
      ...setting.client,
    }],
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: [...new Set(setting.keys)] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
    // Claims of scopes stand in the ID token, as the providers do that labs use; a conforming provider need not.
    conformIdTokenClaims: false,
    pairwiseIdentifier: (_, id, client) => `${id} of ${client.clientId}`,
    pkce: { required: () => true },
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
    ...setting.provider,
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, ...setting.provider.features },
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
