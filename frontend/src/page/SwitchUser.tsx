import { useEffect, useRef } from "react";

type Props = {
  readonly currentUser: string;
  readonly newUser: string;
  readonly onAnswer: (isAccepted: boolean) => void;
};

/** Asks whether to replace the session of one user by that of another. Escape means no. */
export function SwitchUser({ currentUser, newUser, onAnswer }: Props) {
  const dialogRef = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialogRef.current?.showModal();
  }, []);
  return (
    <dialog ref={dialogRef} className="switch-user" aria-labelledby="switch-user" onClose={() => onAnswer(false)}>
      <h2 id="switch-user">You are signed in as {currentUser}</h2>
      <p>A link wants to sign you in as {newUser}. If you did not open one, stay.</p>
      <div className="choices">
        <button type="button" autoFocus onClick={() => onAnswer(false)}>
          Stay signed in as {currentUser}
        </button>
        <button type="button" onClick={() => onAnswer(true)}>
          Switch to {newUser}
        </button>
      </div>
    </dialog>
  );
}
