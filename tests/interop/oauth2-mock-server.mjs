// The mock server `oauth2-mock-server` (npm) on loopback. It signs in nobody but "johndoe" and asks nothing, so
// this puts a page in front of its authorization endpoint, and tells it through its events whom was chosen.
//
// Prints "issuer <url>" and ends when its standard input does, so that it cannot outlive the test that started it.
import { createServer } from 'node:http';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const users = {
  ada: { name: 'Ada Example', preferred_username: 'ada', email: 'ada@example.test', email_verified: true, groups: ['lab-users'] },
  bob: { name: 'Bob Example', preferred_username: 'bob', email: 'bob@example.test', email_verified: false },
  noone: { name: 'No Mail', preferred_username: 'noone' },
};

const issuer = new OAuth2Issuer();
await issuer.keys.generate('RS256');
const service = new OAuth2Service(issuer);

// The person by code, refresh token and access token.
const chosen = new Map();
service.on('beforeAuthorizeRedirect', ({ url }, request) => {
  const { user } = request.query;
  if (Object.hasOwn(users, user)) return chosen.set(url.searchParams.get('code'), user);
  url.searchParams.delete('code');
  url.searchParams.set('error', 'access_denied');
});
service.on('beforeTokenSigning', (token, { body }) => {
  const user = chosen.get(body.code ?? body.refresh_token);
  Object.assign(token.payload, { sub: user, ...users[user] });
});
service.on('beforeResponse', (response, { body }) => {
  const user = chosen.get(body.code ?? body.refresh_token);
  chosen.set(response.body.refresh_token, user);
  chosen.set(response.body.access_token, user);
});
service.on('beforeUserinfo', (response, request) => {
  const user = chosen.get(request.headers.authorization.split(' ')[1]);
  response.body = { sub: user, ...users[user] };
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer.url);
  if (pathname !== '/authorize' || searchParams.has('user')) return service.requestHandler(request, response);
  const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const hidden = [...searchParams].map(([name, value]) =>
    `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`);
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><title>Sign in</title><form>${hidden.join('')}<input name="user"></form>`);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
issuer.url = `http://127.0.0.1:${server.address().port}`;
process.stdin.on('end', () => process.exit(0)).resume();
console.log(`issuer ${issuer.url}`);
