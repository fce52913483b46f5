/**
 * The namespace and language vectors NSV-01 to NSV-75: XML on one side of the gateway, and the infosets that must come out
 * on the other, in the notation of `infoset.ts`. A `lang` in an expected infoset is compared; where there is none it is not.
 */
export interface Vector {
  readonly id: string;
  readonly title: string;
  /** What stands on the wire: a whole `<body/>`, a whole WebSocket message, or what a server sends after its header. */
  readonly input: string;
  /** One for each element that must come out. */
  readonly infosets: readonly string[];
  /** The server's stream header, where it is not `SERVER_HEADER`. */
  readonly header?: string;
  /** How the output must begin: where clients or servers match tags by name (conformance D2, A-31). */
  readonly begins?: readonly string[];
}

const C = '{jabber:client}';
const S = '{http://etherx.jabber.org/streams}';
const SASL = '{urn:ietf:params:xml:ns:xmpp-sasl}';
const ERRORS = '{urn:ietf:params:xml:ns:xmpp-streams}';
const BIND = '{urn:ietf:params:xml:ns:xmpp-bind}';

/** The stream that is open towards the server in client → server vectors. */
export const CLIENT_HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0' xml:lang='en'>";

/** The server's header in server → client vectors. */
export const SERVER_HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='example.com' version='1.0' xml:lang='en'>";

const EX_HEADER = SERVER_HEADER.replace(' id=', " xmlns:ex='urn:ex' id=");

function body(attributes: string, payload: string): string {
  return `<body xmlns='http://jabber.org/protocol/httpbind' sid='S' rid='101'${attributes}>${payload}</body>`;
}

function prefixedBody(attributes: string, payload: string): string {
  return `<b:body xmlns:b='http://jabber.org/protocol/httpbind'${attributes} sid='S' rid='101'>${payload}</b:body>`;
}

/** Client → server, in a BOSH body. */
export const BODY_VECTORS: readonly Vector[] = [
  {
    id: 'NSV-01',
    title: 'payload already qualified by jabber:client',
    input: body('', "<message xmlns='jabber:client' to='a@b.example'><body>hi</body></message>"),
    infosets: [`${C}message[@to="a@b.example"](${C}body("hi"))`],
  },
  {
    id: 'NSV-02',
    title: 'legacy payload inheriting the httpbind default',
    input: body('', "<message to='a@b.example'><body>hi</body></message>"),
    infosets: [`${C}message[@to="a@b.example"](${C}body("hi"))`],
  },
  {
    id: 'NSV-03',
    title: 'legacy payload with a foreign child, then back to the inherited default',
    input: body('', "<message><x xmlns='urn:x'><y/></x><body>t</body></message>"),
    infosets: [`${C}message({urn:x}x({urn:x}y), ${C}body("t"))`],
  },
  {
    id: 'NSV-04',
    title: 'an explicit httpbind declaration deep inside is data',
    input: body(
      '',
      "<message xmlns='jabber:client'><w xmlns='urn:w'><body xmlns='http://jabber.org/protocol/httpbind'/></w></message>",
    ),
    infosets: [`${C}message({urn:w}w({http://jabber.org/protocol/httpbind}body))`],
  },
  {
    id: 'NSV-05',
    title: 'serializer repeats the httpbind declaration on the payload',
    input: body('', "<presence xmlns='http://jabber.org/protocol/httpbind'><show>away</show></presence>"),
    infosets: [`${C}presence(${C}show("away"))`],
  },
  {
    id: 'NSV-06',
    title: 'prefix of the wrapper used by a descendant element',
    input: body(" xmlns:x='urn:x'", "<message xmlns='jabber:client'><x:note>1</x:note></message>"),
    infosets: [`${C}message({urn:x}note("1"))`],
  },
  {
    id: 'NSV-07',
    title: 'prefix of the wrapper used by an attribute only',
    input: body(
      " xmlns:x='urn:x'",
      "<iq xmlns='jabber:client' id='1' type='get' x:hint='h'><ping xmlns='urn:xmpp:ping'/></iq>",
    ),
    infosets: [`${C}iq[@id="1", @type="get", @{urn:x}hint="h"]({urn:xmpp:ping}ping)`],
  },
  {
    id: 'NSV-08',
    title: 'two payloads, the second shadows the prefix of the wrapper',
    input: body(
      " xmlns:x='urn:outer'",
      "<message xmlns='jabber:client'><x:a/></message><message xmlns='jabber:client' xmlns:x='urn:inner'><x:a/></message>",
    ),
    infosets: [`${C}message({urn:outer}a)`, `${C}message({urn:inner}a)`],
  },
  {
    id: 'NSV-09',
    title: "the wrapper binds the prefix 'stream' to something else",
    input: body(" xmlns:stream='urn:not-streams'", "<message xmlns='jabber:client'><stream:thing/></message>"),
    infosets: [`${C}message({urn:not-streams}thing)`],
  },
  {
    id: 'NSV-10',
    title: 'jabber:client bound to a prefix',
    input: body(" xmlns:c='jabber:client'", "<c:message to='a@b.example'><c:body>hi</c:body></c:message>"),
    infosets: [`${C}message[@to="a@b.example"](${C}body("hi"))`],
    begins: ['<message '],
  },
  {
    id: 'NSV-11',
    title: 'prefixed wrapper, jabber:client as its default namespace',
    input: prefixedBody(" xmlns='jabber:client'", '<presence/>'),
    infosets: [`${C}presence`],
  },
  {
    id: 'NSV-12',
    title: 'prefixed wrapper, payload in no namespace',
    input: prefixedBody('', '<presence/>'),
    infosets: ['{}presence'],
  },
  {
    id: 'NSV-13',
    title: 'a child undeclares the default namespace',
    input: body('', "<message xmlns='jabber:client'><foo xmlns=''><bar/></foo></message>"),
    infosets: [`${C}message({}foo({}bar))`],
  },
  {
    id: 'NSV-14',
    title: "legacy payload with an explicit xmlns=''",
    input: body('', "<message><foo xmlns=''><bar/></foo><body>t</body></message>"),
    infosets: [`${C}message({}foo({}bar), ${C}body("t"))`],
  },
  {
    id: 'NSV-15',
    title: 'xml:lang of a later wrapper differs from the language of the stream',
    input: body(" xml:lang='de'", "<message xmlns='jabber:client' to='a@b.example'><body>Hallo</body></message>"),
    infosets: [`${C}message[@to="a@b.example"] lang="de"(${C}body("Hallo"))`],
  },
  {
    id: 'NSV-16',
    title: 'language of the payload beats the one of the wrapper; an empty one is a value',
    input: body(
      " xml:lang='de'",
      "<message xmlns='jabber:client' xml:lang='fr'/><message xmlns='jabber:client' xml:lang=''/>",
    ),
    infosets: [`${C}message lang="fr"`, `${C}message lang=""`],
  },
  {
    id: 'NSV-17',
    title: 'attribute value that looks like a declaration',
    input: body('', `<message id=" xmlns='urn:fake' " to='a@b.example'/>`),
    infosets: [`${C}message[@id=" xmlns='urn:fake' ", @to="a@b.example"]`],
  },
  {
    id: 'NSV-18',
    title: "'>' inside an attribute of an empty payload",
    input: body('', "<presence xmlns='jabber:client' id='a>b/'/>"),
    infosets: [`${C}presence[@id="a>b/"]`],
  },
  {
    id: 'NSV-19',
    title: 'CDATA holding markup that ends the wrapper or the stream',
    input: body('', "<message xmlns='jabber:client'><body><![CDATA[</body></stream:stream><x>]]></body></message>"),
    infosets: [`${C}message(${C}body("</body></stream:stream><x>"))`],
  },
  {
    id: 'NSV-20',
    title: 'references to LF and TAB, and a literal line end, in attributes',
    input: body('', "<message xmlns='jabber:client' id='a&#10;b&#9;c' type='x\ny'/>"),
    infosets: [`${C}message[@id="a\\nb\\tc", @type="x y"]`],
  },
  {
    id: 'NSV-21',
    title: 'astral character raw and as a reference, predefined entities, a CR',
    input: body(
      '',
      "<message xmlns='jabber:client'><body>😀&#x1F600; &lt;&amp;&gt;&quot;&apos; &#13;</body></message>",
    ),
    infosets: [`${C}message(${C}body("😀😀 <&>\\"' \\r"))`],
  },
  {
    id: 'NSV-22',
    title: 'prefix used in content only',
    input: body(
      " xmlns:t='urn:types' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'",
      "<message xmlns='jabber:client'><v xmlns='urn:v' xsi:type='t:int'>1</v></message>",
    ),
    infosets: [`${C}message({urn:v}v[@{http://www.w3.org/2001/XMLSchema-instance}type="t:int"]("1"))`],
  },
  {
    id: 'NSV-23',
    title: 'white space between payloads',
    input: body(
      '',
      "\n  <iq xmlns='jabber:client' id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>\n  <presence xmlns='jabber:client'/>\n",
    ),
    infosets: [`${C}iq[@id="1", @type="get"]({urn:xmpp:ping}ping)`, `${C}presence`],
    begins: ['<iq ', '<presence '],
  },
  {
    id: 'NSV-24',
    title: 'SASL payload: no jabber:client, no added white space',
    input: body('', "\n<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>\n"),
    infosets: [`${SASL}auth[@mechanism="PLAIN"]("AGEAYg==")`],
    begins: ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"],
  },
  {
    id: 'NSV-25',
    title: 'streams namespace under another prefix',
    input: body(
      " xmlns:s='http://etherx.jabber.org/streams'",
      "<s:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></s:error>",
    ),
    infosets: [`${S}error(${ERRORS}undefined-condition)`],
    begins: ['<stream:error '],
  },
  {
    id: 'NSV-26',
    title: 'prefix of the wrapper that the payload rebinds deeper down',
    input: body(
      " xmlns:x='urn:outer'",
      "<message xmlns='jabber:client'><x:a><b xmlns:x='urn:inner'><x:c/></b><x:d/></x:a></message>",
    ),
    infosets: [`${C}message({urn:outer}a(${C}b({urn:inner}c), {urn:outer}d))`],
  },
];

/** Client → server, in a WebSocket message. NSV-33 and NSV-35 are not of this form: see the tests. */
export const MESSAGE_VECTORS: readonly Vector[] = [
  {
    id: 'NSV-30',
    title: 'self-contained message',
    input: "<message xmlns='jabber:client' to='a@b.example' xml:lang='de'><body>Hallo</body></message>",
    infosets: [`${C}message[@to="a@b.example"] lang="de"(${C}body("Hallo"))`],
  },
  {
    id: 'NSV-31',
    title: 'XML declaration in front of a stanza',
    input: "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='jabber:client'/>",
    infosets: [`${C}presence`],
    begins: ['<presence '],
  },
  { id: 'NSV-32', title: 'root element in no namespace', input: '<presence/>', infosets: ['{}presence'] },
  {
    id: 'NSV-34',
    title: 'stream error from the client with an unprefixed root',
    input:
      "<error xmlns='http://etherx.jabber.org/streams'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    infosets: [`${S}error(${ERRORS}undefined-condition)`],
    begins: ['<stream:error '],
  },
];

/** Server → client: NSV-50 to 64 for BOSH, 70 to 75 for WebSocket; the element is the same. NSV-72 is about the header. */
export const STREAM_VECTORS: readonly Vector[] = [
  {
    id: 'NSV-50',
    title: 'plain stanza relying on the default namespace of the stream',
    input: "<message from='x@example.com' to='u@example.com/r'><body>hi</body></message>",
    infosets: [`${C}message[@from="x@example.com", @to="u@example.com/r"] lang="en"(${C}body("hi"))`],
  },
  {
    id: 'NSV-51',
    title: 'stream features',
    input:
      "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>",
    infosets: [`${S}features(${SASL}mechanisms(${SASL}mechanism("SCRAM-SHA-1")))`],
    begins: ['<stream:features '],
  },
  {
    id: 'NSV-52',
    title: 'stanza that already declares jabber:client',
    input: `<iq xmlns="jabber:client" type='result' id='1'/>`,
    infosets: [`${C}iq[@id="1", @type="result"] lang="en"`],
  },
  {
    id: 'NSV-53',
    title: 'extra prefix declared on the header',
    header: EX_HEADER,
    input: "<message><ex:foo ex:a='1'/></message>",
    infosets: [`${C}message lang="en"({urn:ex}foo[@{urn:ex}a="1"])`],
  },
  {
    id: 'NSV-54',
    title: 'another prefix for the streams namespace',
    header:
      "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id='s1' from='example.com' version='1.0'>",
    input: "<s:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></s:features>",
    infosets: [`${S}features(${BIND}bind)`],
    begins: ['<stream:features '],
  },
  {
    id: 'NSV-55',
    title: 'streams namespace as the default, stanzas prefixed',
    header:
      "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client' id='s1' from='example.com' version='1.0'>",
    input:
      "<features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features><c:message from='x@example.com'><c:body>hi</c:body></c:message>",
    infosets: [`${S}features(${BIND}bind)`, `${C}message[@from="x@example.com"](${C}body("hi"))`],
    begins: ['<stream:features ', '<message '],
  },
  {
    id: 'NSV-56',
    title: 'attribute value that looks like a declaration',
    input: `<message id="a xmlns='urn:fake'"><body>t</body></message>`,
    infosets: [`${C}message[@id="a xmlns='urn:fake'"] lang="en"(${C}body("t"))`],
  },
  {
    id: 'NSV-57',
    title: 'forwarded stanza nested in a foreign namespace',
    input:
      "<message><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='y@example.com'><body>t</body></message></forwarded></received></message>",
    infosets: [
      `${C}message lang="en"({urn:xmpp:carbons:2}received({urn:xmpp:forward:0}forwarded(${C}message[@from="y@example.com"](${C}body("t")))))`,
    ],
  },
  {
    id: 'NSV-58',
    title: 'stream error with text and an application condition',
    input:
      "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>slow</text><app xmlns='urn:app'/></stream:error>",
    infosets: [`${S}error(${ERRORS}policy-violation, ${ERRORS}text[@xml:lang="en"]("slow"), {urn:app}app)`],
    begins: ['<stream:error '],
  },
  {
    id: 'NSV-59',
    title: 'SASL element: not jabber:client',
    input: "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj1w</success>",
    infosets: [`${SASL}success("dj1w")`],
  },
  {
    id: 'NSV-60',
    title: 'explicit httpbind element and a child in no namespace',
    input: "<message><body xmlns='http://jabber.org/protocol/httpbind'/><foo xmlns=''><bar/></foo></message>",
    infosets: [`${C}message lang="en"({http://jabber.org/protocol/httpbind}body, {}foo({}bar))`],
  },
  {
    id: 'NSV-61',
    title: 'prefix of the header used inside a payload',
    input: '<message><stream:odd/></message>',
    infosets: [`${C}message lang="en"(${S}odd)`],
  },
  {
    id: 'NSV-62',
    title: 'stanza language: own value',
    input: "<message xml:lang='fr'><body>t</body></message>",
    infosets: [`${C}message lang="fr"(${C}body("t"))`],
  },
  {
    id: 'NSV-63',
    title: 'white space keepalive between stanzas',
    input: " \n<presence from='x@example.com'/> ",
    infosets: [`${C}presence[@from="x@example.com"] lang="en"`],
    begins: ['<presence '],
  },
  {
    id: 'NSV-64',
    title: 'entity-encoded and CDATA text, CRLF',
    input: '<message><body>a&amp;b<![CDATA[<c>]]>\r\nd&#13;</body></message>',
    infosets: [`${C}message lang="en"(${C}body("a&b<c>\\nd\\r"))`],
  },
  {
    id: 'NSV-70',
    title: 'stanza becomes a document of its own',
    input: "<message from='x@example.com'><body>hi</body></message>",
    infosets: [`${C}message[@from="x@example.com"] lang="en"(${C}body("hi"))`],
  },
  {
    id: 'NSV-71',
    title: 'features with a child that relied on the default of the stream',
    input: "<stream:features><odd/><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    infosets: [`${S}features(${C}odd, ${BIND}bind)`],
    begins: ['<stream:features '],
  },
  {
    id: 'NSV-73',
    title: 'stream error',
    input: "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    infosets: [`${S}error(${ERRORS}conflict)`],
    begins: ['<stream:error '],
  },
  {
    id: 'NSV-74',
    title: 'prefix of the header, shadowed inside the stanza',
    header: EX_HEADER,
    input: "<message><ex:a><b xmlns:ex='urn:other'><ex:c/></b></ex:a></message>",
    infosets: [`${C}message lang="en"({urn:ex}a(${C}b({urn:other}c)))`],
  },
  {
    id: 'NSV-75',
    title: 'stream management nonza',
    input: "<r xmlns='urn:xmpp:sm:3'/>",
    infosets: ['{urn:xmpp:sm:3}r'],
  },
];
