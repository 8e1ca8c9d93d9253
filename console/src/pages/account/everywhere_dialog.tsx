/** End all sessions at once, this one too, and the API keys if that is wanted. */

import { useMutation } from "@tanstack/preact-query";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm, CheckField } from "../../parts/form.tsx";
import { signOut } from "../../session/session.ts";

export function EverywhereDialog({ onClose }: { onClose: () => void }) {
  const leaving = useMutation({
    mutationFn: (fields: FormData) => signOut({ everywhere: true, keys: fields.has("keys") }),
  });
  return (
    <Dialog title="Sign out everywhere?" onClose={onClose}>
      <p>Every browser and program that is signed in has to sign in again, this one too.</p>
      <ActForm act={leaving} label="Sign out everywhere" isDangerous onRefuse={onClose}>
        <CheckField
          label="End all my API keys too"
          name="keys"
          hint="A person who knew your password may have made keys. An ended key does not come back."
        />
      </ActForm>
    </Dialog>
  );
}
