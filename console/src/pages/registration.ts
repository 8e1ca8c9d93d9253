/** The registration of an account and the first login. Each of the two requests may lose its answer. */

import { anonymous, answered } from "../api/client.ts";
import { isProblem, outcomeIsUnknown } from "../api/problem.ts";
import { signIn } from "../session/session.ts";

export interface Credentials {
  username: string;
  password: string;
}

interface Account extends Credentials {
  invitation?: string;
}

/** The account is there, and only the login failed. */
export class LoginFailed extends Error {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? ` ${cause.message}` : "";
    super(`Your account exists. Only the login failed: sign in with your name and your password.${reason}`, { cause });
  }
}

export class Registration {
  readonly #post: (account: Account) => Promise<unknown>;
  readonly #signIn: (username: string, password: string) => Promise<void>;
  /** The credentials of an account that may exist, since the answer to its registration was lost. */
  #doubtful: Credentials | null = null;

  constructor(
    post = (body: Account): Promise<unknown> => answered(anonymous.POST("/register/", { body })),
    login: (username: string, password: string) => Promise<void> = signIn,
  ) {
    this.#post = post;
    this.#signIn = login;
  }

  /** Registers and signs in. It may be called again after an error. */
  async register(account: Account): Promise<void> {
    const isRetry = this.#doubtful?.username === account.username && this.#doubtful.password === account.password;
    try {
      await this.#post(account);
    } catch (error) {
      const isUnknown = outcomeIsUnknown(error);
      if (!isUnknown && !(isRetry && isProblem(error, "username_taken"))) throw error;
      if (isUnknown) this.#doubtful = { username: account.username, password: account.password };
      // The login tells whether the account is there: if not, the first error is the one to show.
      await this.#signIn(account.username, account.password).catch(() => {
        throw error;
      });
      return;
    }
    // A retry after a failed login finds its own name taken.
    this.#doubtful = { username: account.username, password: account.password };
    await this.#signIn(account.username, account.password).catch((error: unknown) => {
      throw new LoginFailed(error);
    });
  }
}
