"""ITI-103: what the authorisation server can do and where, for IUA and for SMART.

Source: ITI TF-2 3.103; RFC 8414 §2; RFC 8705 §3.3; SMART App Launch 2.2, 6 (Conformance).
"""

from __future__ import annotations

from typing import Any

from pdsm.authorization_code import AUTHORIZATION_CODE
from pdsm.iti71 import CLIENT_CREDENTIALS, SCOPES
from pdsm.jwks import ALGORITHMS

AUTHORIZE = "/oauth/authorize"
TOKEN, INTROSPECT, JWKS = "/oauth/token", "/oauth/introspect", "/oauth/jwks"
METADATA, SMART = "/.well-known/oauth-authorization-server", "/.well-known/smart-configuration"
_OF_APPS = {"authorization_response_iss_parameter_supported": True, "code_challenge_methods_supported": ["S256"]}
AUTHENTICATION = ("private_key_jwt", "tls_client_auth")


def metadata(issuer: str, *, apps: bool) -> dict[str, Any]:
    """The metadata of RFC 8414, as ITI-103 asks for them; `apps`: whether codes are given to apps in a browser."""
    signed = sorted(ALGORITHMS)
    return {
        **(_OF_APPS if apps else {}),
        **({"authorization_endpoint": issuer + AUTHORIZE} if apps else {}),
        "issuer": issuer,
        "jwks_uri": issuer + JWKS,
        "token_endpoint": issuer + TOKEN,
        "token_endpoint_auth_methods_supported": [*AUTHENTICATION, *(["none"] if apps else [])],
        "token_endpoint_auth_signing_alg_values_supported": signed,
        "introspection_endpoint": issuer + INTROSPECT,
        "introspection_endpoint_auth_methods_supported": [*AUTHENTICATION],
        "introspection_endpoint_auth_signing_alg_values_supported": signed,
        "grant_types_supported": [CLIENT_CREDENTIALS, *([AUTHORIZATION_CODE] if apps else [])],
        "response_types_supported": ["code"] if apps else [],
        "scopes_supported": [*SCOPES],
        "access_token_format": ["urn:ietf:params:oauth:token-type:jwt"],  # ITI TF-2 3.103.4.2.2
        "tls_client_certificate_bound_access_tokens": True,
    }


def smart_configuration(issuer: str, *, apps: bool) -> dict[str, Any]:
    """The same for clients of SMART: backend services that prove themselves by a key, and apps where there are any."""
    of_apps = ["client-public", "launch-standalone"] if apps else []
    return {
        **metadata(issuer, apps=apps),
        "capabilities": ["client-confidential-asymmetric", *of_apps],
        "code_challenge_methods_supported": ["S256"],
    }
