/** Serves the pages that the links in mails lead to: one small form each, which calls the API as any client does. */
import type { Pages } from './compose-app.ts'

interface Field {
  readonly name: string
  readonly label: string
  readonly type: 'email' | 'password' | 'text'
  readonly hint: 'email' | 'new-password' | 'name'
}
interface Page {
  readonly title: string
  readonly text: string
  /** Where the form goes, and the name that the link's token has there; null: the link has none. */
  readonly post: string
  readonly tokenAs: string | null
  readonly fields: readonly Field[]
  readonly button: string
  readonly done: string
}

const email: Field = { name: 'email', label: 'E-mail address', type: 'email', hint: 'email' }
const password: Field = {
  name: 'password',
  label: 'New password (12 characters or more)',
  type: 'password',
  hint: 'new-password',
}

const pages: Readonly<Record<string, Page>> = {
  '/verify-email': {
    title: 'Confirm your e-mail address',
    text: 'One click, and the address is yours here.',
    post: '/api/v1/auth/verify-email',
    tokenAs: 'token',
    fields: [],
    button: 'Confirm',
    done: 'Your address is confirmed. You can publish agents now.',
  },
  '/reset-password': {
    title: 'Set a new password',
    text: 'All your sessions end when it is set.',
    post: '/api/v1/auth/password/reset',
    tokenAs: 'token',
    fields: [password],
    button: 'Set the password',
    done: 'The new password is set. Log in with it.',
  },
  '/register': {
    title: 'Register',
    text: 'You are invited; the invite is part of this link.',
    post: '/api/v1/auth/register',
    tokenAs: 'invite_code',
    fields: [email, { name: 'display_name', label: 'Your name', type: 'text', hint: 'name' }, password],
    button: 'Register',
    done: 'A link to confirm your address is on its way by mail.',
  },
  '/login': {
    title: 'You have an account',
    text: 'Log in with your client (POST /api/v1/auth/login). If you have forgotten the password, ask for a link to set a new one:',
    post: '/api/v1/auth/password/forgot',
    tokenAs: null,
    fields: [email],
    button: 'Send me the link',
    done: 'If the address has an account, the link is on its way.',
  },
}

const SCRIPT = '/mail-page.js'
const script = `const form = document.querySelector('form')
const note = document.querySelector('[role=status]')
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const button = form.querySelector('button')
  button.disabled = true
  note.textContent = ''
  const body = Object.fromEntries(new FormData(form))
  const { post, tokenAs, done } = form.dataset
  const token = new URLSearchParams(location.search).get('token')
  if (tokenAs && token) body[tokenAs] = token
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(post, init).catch(() => null)
  const problem = answer && !answer.ok ? await answer.json().catch(() => null) : null
  note.className = answer && answer.ok ? 'good' : 'bad'
  if (answer && answer.ok) {
    note.textContent = done
    form.hidden = true
    return
  }
  button.disabled = false
  const faults = problem?.errors?.map(({ pointer, detail }) => pointer.slice(1).replaceAll('_', ' ') + ' ' + detail)
  note.textContent = faults?.join('; ') ?? problem?.detail ?? 'The registry could not be reached; try again.'
})
`
const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem}
label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;margin-top:.25rem}
button{font:inherit;padding:.5rem 1.25rem}.good{color:#1a7f37}.bad{color:#cf222e}`

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // The address holds a secret: it must not travel on.
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}

/** The pages; every other path is not theirs. */
export const serveMailPages: Pages = (request, path) => {
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if ((!page && path !== SCRIPT) || (request.method !== 'GET' && request.method !== 'HEAD')) return null
  const type = page ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8'
  return new Response(page ? draw(page) : script, { headers: { ...headers, 'content-type': type } })
}

const draw = ({ title, text, post, tokenAs, fields, button, done }: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
<p>${text}</p>
<form data-post="${post}"${tokenAs ? ` data-token-as="${tokenAs}"` : ''} data-done="${done}">
${fields.map(drawField).join('\n')}
<button type="submit">${button}</button>
</form>
<p role="status"></p>
<noscript><p>This page needs JavaScript; without it, call POST ${post}.</p></noscript>
<script src="${SCRIPT}"></script>
</body>
</html>
`

const drawField = ({ name, label, type, hint }: Field): string =>
  `<label>${label}<input name="${name}" type="${type}" autocomplete="${hint}" required></label>`
