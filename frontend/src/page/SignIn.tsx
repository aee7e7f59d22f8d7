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
          <p>You are not signed in, or your session has ended.</p>
          <p className="note">
            Open the inbox with the link that you were given: it ends in <code>#token=…</code>
          </p>
        </>
      )}
    </main>
  );
}
