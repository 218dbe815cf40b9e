/** One kind of secret, recognised by how it looks. */
export interface SecretPattern {
  readonly name: string;
  /** A regular expression over bytes. Every repetition in it has an end, so that it stays fast on any memory. */
  readonly source: string;
}

const base64 = '[A-Za-z0-9+/=\\r\\n]';

/**
 * What `search` can look for without being told how it looks. Each begins with something rare: one that may
 * begin with any letter would be tried at every letter in memory.
 */
export const secretPatterns: readonly SecretPattern[] = [
  {
    name: 'private key',
    source: `-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----${base64}{32,8000}`,
  },
  { name: 'AWS access key', source: '(?<![A-Z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Z0-9])' },
  {
    name: 'AWS secret key',
    source: '(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)["\' ]{0,3}[=:]["\' ]{0,3}[A-Za-z0-9/+]{40}',
  },
  { name: 'Google API key', source: 'AIza[0-9A-Za-z_-]{35}' },
  { name: 'GitHub token', source: '(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})' },
  { name: 'GitLab token', source: 'glpat-[A-Za-z0-9_-]{20,64}' },
  { name: 'Slack token', source: 'xox[abeoprs]-[0-9A-Za-z-]{10,250}' },
  { name: 'Stripe key', source: '[rs]k_live_[0-9A-Za-z]{16,99}' },
  {
    name: 'JSON web token',
    source: 'eyJ[A-Za-z0-9_-]{10,2000}\\.eyJ[A-Za-z0-9_-]{10,4000}\\.[A-Za-z0-9_-]{16,1000}',
  },
  { name: 'bearer token', source: '[Bb]earer [A-Za-z0-9._~+/-]{20,2000}' },
  {
    name: 'password in a URL',
    source: '://[^\\s/:@\\x00-\\x20]{1,100}:[^\\s/@\\x00-\\x20]{1,100}@[A-Za-z0-9.-]{1,200}',
  },
  {
    name: 'password in a setting',
    source:
      '(?:PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|APIKEY|password|passwd|secret|api_key)' +
      '[A-Za-z0-9_]{0,20}=[\\x21-\\x7e][\\x20-\\x7e]{3,255}',
  },
  { name: 'password hash', source: '\\$(?:2[aby]|5|6|y|argon2id?)\\$[./A-Za-z0-9$,=+-]{20,200}' },
];
