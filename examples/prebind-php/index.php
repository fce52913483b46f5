<?php
// Chat sessions for users who are logged in to a PHP site. `php -S 127.0.0.1:8000 index.php`; see docs/converse.md.
// SLUICE_URL, SLUICE_KEY, USERS: {"alice": {"password": "for the site", "jid": "alice@example.org", "xmpp": "its password"}}
declare(strict_types=1);

$users = json_decode(getenv('USERS') ?: '{}', true);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
session_set_cookie_params(['httponly' => true, 'samesite' => 'Strict']);
session_start();

if ($path === '/login' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    $user = $users[$_POST['user'] ?? ''] ?? null;
    if ($user === null || !hash_equals($user['password'], $_POST['password'] ?? '')) {
        http_response_code(403);
        exit('wrong');
    }
    session_regenerate_id(true);
    $_SESSION['user'] = $_POST['user'];
    exit('welcome');
}
if ($path !== '/prebind') {
    http_response_code(404);
    exit('nothing here');
}

// The prebind_url of Converse.
header('Content-Type: application/json');
header('Cache-Control: no-store');
$user = $users[$_SESSION['user'] ?? ''] ?? null;
// Other requests of this user need not wait for this one.
session_write_close();
if ($user === null) {
    http_response_code(401);
    exit('{"error":"not-logged-in"}');
}
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => ['Content-Type: application/json', 'Authorization: Bearer ' . getenv('SLUICE_KEY')],
    'content' => json_encode(['jid' => $user['jid'], 'password' => $user['xmpp']]),
    'ignore_errors' => true,
    'timeout' => 60,
]]);
$url = (getenv('SLUICE_URL') ?: 'http://127.0.0.1:5280') . '/prebind';
// While the gateway restarts the page waits: an error would make Converse give up.
for ($tries = 0; $tries < 20; $tries++) {
    $answer = @file_get_contents($url, false, $context);
    $status = $answer === false ? 503 : (int) explode(' ', $http_response_header[0])[1];
    if ($status !== 503) {
        http_response_code($status);
        exit($answer);
    }
    usleep(500_000);
}
http_response_code(502);
echo '{"error":"unreachable"}';
