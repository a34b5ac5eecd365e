//! People who sign up and sign in on weir's identity pages.

let count = 0;

/** Somebody new. */
export function somebody(name = 'Ada Example') {
  count += 1;
  return { name, email: `person-${process.pid}-${count}@example.com`, password: 'Correct-Horse-9' };
}

/** Fills the sign-up form, beginning at the sign-in form, and allows the application what it asks for. */
export async function signUp(page, person) {
  await page.getByRole('link', { name: 'Sign up now' }).click();
  await page.getByLabel('Email Address').fill(person.email);
  await page.getByLabel('New Password', { exact: true }).fill(person.password);
  await page.getByLabel('Confirm New Password').fill(person.password);
  await page.getByLabel('Display Name').fill(person.name);
  await page.getByRole('button', { name: 'Create' }).click();
  await allow(page);
}

/** Lets the application act for the person, which is asked once. */
export async function allow(page) {
  await page.getByRole('button', { name: 'Allow' }).click();
}

/** Fills the sign-in form. */
export async function signIn(page, { email, password }) {
  await page.getByLabel('Email Address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
