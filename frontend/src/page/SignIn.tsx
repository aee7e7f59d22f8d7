type Props = { readonly isEmbedded: boolean };

/** Shown while nobody is signed in. */
export function SignIn({ isEmbedded }: Props) {
  return (
    <main className="sign-in">
      <h1>Inbox</h1>
      {isEmbedded ? (
        <p role="status">Signing in…</p>
      ) : (
        <>
          <p>You are not signed in, or your session has expired.</p>
          <p className="note">
            To sign in, open the link you received. It ends in <code>#token=…</code>
          </p>
        </>
      )}
    </main>
  );
}
