# Chat sessions for users who are logged in to a Sinatra site. `ruby app.rb -p 8000`; see docs/converse.md.
# SLUICE_URL, SLUICE_KEY, USERS: {"alice": {"password": "for the site", "jid": "alice@example.org", "xmpp": "its password"}}
require 'json'
require 'net/http'
require 'rack/utils'
require 'securerandom'
require 'sinatra'

USERS = JSON.parse(ENV.fetch('USERS', '{}'))
PREBIND = URI("#{ENV.fetch('SLUICE_URL', 'http://127.0.0.1:5280')}/prebind")
HEADERS = { 'Content-Type' => 'application/json', 'Authorization' => "Bearer #{ENV['SLUICE_KEY']}" }.freeze

set :bind, '127.0.0.1'
set :sessions, httponly: true, same_site: :strict
set :session_secret, ENV.fetch('SECRET_KEY') { SecureRandom.hex(64) }

post '/login' do
  user = USERS[params['user']]
  halt 403, 'wrong' unless user && Rack::Utils.secure_compare(user['password'], params['password'].to_s)
  session[:user] = params['user']
  'welcome'
end

# The prebind_url of Converse.
get '/prebind' do
  content_type :json
  cache_control :no_store
  user = USERS[session[:user]]
  halt 401, { error: 'not-logged-in' }.to_json unless user
  body = { jid: user['jid'], password: user['xmpp'] }.to_json
  # While the gateway restarts the page waits: an error would make Converse give up.
  20.times do
    begin
      answer = Net::HTTP.post(PREBIND, body, HEADERS)
      halt answer.code.to_i, answer.body unless answer.code == '503'
    rescue SystemCallError, IOError
      # Nobody listens yet.
    end
    sleep 0.5
  end
  halt 502, { error: 'unreachable' }.to_json
end
