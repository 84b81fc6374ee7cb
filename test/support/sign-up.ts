/** Signs a developer up over a running host's API, as a person does: register, read the mail, verify, log in. */
import type { Api } from './request.ts'

const PASSWORD = 'correct horse battery staple'

/**
 * @param readToken reads the token out of the mail to an address, waiting for the mail
 * @returns the access token of a session
 */
export async function signUp(
  api: Api,
  email: string,
  readToken: (email: string) => Promise<string>,
): Promise<string> {
  const registered = await api.post('/auth/register', { email, password: PASSWORD, display_name: email })
  if (registered.status !== 201) throw new Error(`register: ${registered.status} ${registered.text}`)
  const verified = await api.post('/auth/verify-email', { token: await readToken(email) })
  if (verified.status !== 204) throw new Error(`verify-email: ${verified.status} ${verified.text}`)
  const login = await api.post('/auth/login', { email, password: PASSWORD })
  if (login.status !== 200) throw new Error(`login: ${login.status} ${login.text}`)
  return login.body.access_token
}
