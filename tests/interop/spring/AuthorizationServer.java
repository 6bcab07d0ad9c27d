import static org.springframework.security.config.Customizer.withDefaults;

import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.annotation.Order;
import org.springframework.http.MediaType;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.core.userdetails.UsernameNotFoundException;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.oidc.endpoint.OidcParameterNames;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.oauth2.server.authorization.token.JwtEncodingContext;
import org.springframework.security.oauth2.server.authorization.token.OAuth2TokenCustomizer;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.LoginUrlAuthenticationEntryPoint;
import org.springframework.security.web.util.matcher.AnyRequestMatcher;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Spring Authorization Server on loopback, as its guide sets it up. All tests share one: each makes its lab known
 * by `POST /labs?origin=…`.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(AuthorizationServer.Labs.class)
public class AuthorizationServer {
    static final Map<String, Map<String, Object>> PEOPLE = Map.of(
        "ada", Map.of("name", "Ada Example", "preferred_username", "ada", "email", "ada@example.test",
            "email_verified", true, "groups", List.of("lab-users")),
        "bob", Map.of("name", "Bob Example", "preferred_username", "bob", "email", "bob@example.test",
            "email_verified", false),
        "noone", Map.of("name", "No Mail", "preferred_username", "noone"));

    public static void main(String[] arguments) {
        SpringApplication.run(AuthorizationServer.class, arguments);
    }

    @Bean
    @Order(1)
    SecurityFilterChain protocol(HttpSecurity http) throws Exception {
        http.oauth2AuthorizationServer(server -> {
                http.securityMatcher(server.getEndpointsMatcher());
                server.oidc(withDefaults());
            })
            .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
            .exceptionHandling(handling -> handling.defaultAuthenticationEntryPointFor(
                new LoginUrlAuthenticationEntryPoint("/login"), AnyRequestMatcher.INSTANCE));
        return http.build();
    }

    @Bean
    @Order(2)
    SecurityFilterChain pages(HttpSecurity http) throws Exception {
        http.authorizeHttpRequests(requests ->
                requests.requestMatchers("/labs").permitAll().anyRequest().authenticated())
            .csrf(csrf -> csrf.ignoringRequestMatchers("/labs"))
            .formLogin(withDefaults());
        return http.build();
    }

    /**
     * Each test has an `ada` of its own, as in `ada-lab-8091`: the server takes the `sid` of an ID token from the
     * session that the user began last, in whatever browser, and refuses the logout of every other.
     */
    static String person(String name) {
        return name.replaceFirst("-.*", "");
    }

    @Bean
    UserDetailsService people() {
        return name -> {
            if (!PEOPLE.containsKey(person(name))) throw new UsernameNotFoundException(name);
            return User.withUsername(name).password("{noop}password").roles("USER").build();
        };
    }

    @Bean
    OAuth2TokenCustomizer<JwtEncodingContext> claims() {
        return context -> {
            if (OidcParameterNames.ID_TOKEN.equals(context.getTokenType().getValue())) {
                var claims = PEOPLE.get(person(context.getPrincipal().getName()));
                context.getClaims().claims(stated -> stated.putAll(claims));
            }
        };
    }

    @Bean
    RegisteredClientRepository clients() {
        return new InMemoryRegisteredClientRepository(client("nobody", "http://127.0.0.1:1"));
    }

    @Bean
    JWKSource<SecurityContext> keys() throws Exception {
        var generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        var pair = generator.generateKeyPair();
        var key = new RSAKey.Builder((RSAPublicKey) pair.getPublic())
            .privateKey((RSAPrivateKey) pair.getPrivate()).keyID("signing").build();
        return new ImmutableJWKSet<>(new JWKSet(key));
    }

    static RegisteredClient client(String id, String lab) {
        return RegisteredClient.withId(id)
            .clientId(id)
            // No two clients may have the same.
            .clientSecret("{noop}secret of " + id)
            .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
            .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
            .authorizationGrantType(AuthorizationGrantType.REFRESH_TOKEN)
            .redirectUri(lab + "/api/auth/oidc/callback")
            .postLogoutRedirectUri(lab + "/signed-out")
            .scope("openid").scope("profile").scope("email").scope("groups")
            // The page that asks for consent is the one where people can say no.
            .clientSettings(ClientSettings.builder()
                .requireProofKey(true).requireAuthorizationConsent(true).build())
            .build();
    }

    @RestController
    static class Labs {
        private final InMemoryRegisteredClientRepository clients;

        Labs(RegisteredClientRepository clients) {
            this.clients = (InMemoryRegisteredClientRepository) clients;
        }

        @PostMapping(path = "/labs", produces = MediaType.TEXT_PLAIN_VALUE)
        String add(@RequestParam("origin") String origin) {
            var id = "lab-" + origin.substring(origin.lastIndexOf(':') + 1);
            clients.save(client(id, origin));
            return id;
        }
    }
}
