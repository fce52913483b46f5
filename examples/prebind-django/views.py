"""Chat sessions for users who are logged in to a Django site. `python3 views.py 8000`; see docs/converse.md.

SLUICE_URL, SLUICE_KEY, and USERS: {"alice": {"password": "for the site", "jid": "alice@example.org", "xmpp": "its password"}}
"""
import json, os, sys, time, urllib.error, urllib.request

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

USERS = json.loads(os.environ.get("USERS", "{}"))
URL = os.environ.get("SLUICE_URL", "http://127.0.0.1:5280") + "/prebind"

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32).hex()),
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SESSION_COOKIE_SAMESITE="Strict",
)


@require_POST
def login(request):
    """In a site of yours this is django.contrib.auth, and below @login_required."""
    user = USERS.get(request.POST.get("user"))
    if user is None or user["password"] != request.POST.get("password"):
        return HttpResponse("wrong", status=403)
    request.session["user"] = request.POST["user"]
    return HttpResponse("welcome")


@require_GET
def prebind(request):
    """The prebind_url of Converse."""
    user = USERS.get(request.session.get("user"))
    if user is None:
        return JsonResponse({"error": "not-logged-in"}, status=401)
    body = json.dumps({"jid": user["jid"], "password": user["xmpp"]}).encode()
    question = urllib.request.Request(URL, body, {"Authorization": "Bearer " + os.environ.get("SLUICE_KEY", "")})
    for tries in range(20):  # While the gateway restarts the page waits: an error would make Converse give up.
        try:
            with urllib.request.urlopen(question, timeout=60) as answer:
                return HttpResponse(answer.read(), content_type="application/json")
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return HttpResponse(error.read(), status=error.code, content_type="application/json")
        except urllib.error.URLError:
            pass
        time.sleep(0.5)
    return JsonResponse({"error": "unreachable"}, status=502)


urlpatterns = [path("login", login), path("prebind", prebind)]
if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", "127.0.0.1:" + sys.argv[1]])
