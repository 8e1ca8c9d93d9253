/** The receipt of a transaction, fetched when it is asked for: each request signs a new one. */

import { queryOptions, useQuery } from "@tanstack/preact-query";
import { addressOf } from "../../api/base.ts";
import { answered, api } from "../../api/client.ts";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { save } from "../../parts/download.ts";
import { QueryView } from "../../parts/query_view.tsx";
import { SourceText } from "../../parts/source_text.tsx";
import { KEYS_ADDRESS, readReceipt, receiptKey, verdictOn } from "./receipt.ts";
import { ReceiptView, VerdictNote } from "./receipt_view.tsx";
import type { Transaction } from "./transactions_query.ts";
import { VERIFY_SCRIPT } from "./verify_script.ts";

function receiptQuery(id: string) {
  return queryOptions({
    queryKey: ["receipt", id],
    queryFn: async () => {
      const { receipt } = await answered(api.GET("/transactions/{id}/receipt/", { params: { path: { id } } }));
      return readReceipt(receipt);
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

function verdictQuery(text: string) {
  return queryOptions({
    queryKey: ["verdict", text],
    queryFn: async () => {
      const receipt = readReceipt(text);
      return verdictOn(receipt, await receiptKey(receipt.kid));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function ReceiptDialog({ transaction, onClose }: { transaction: Transaction; onClose: () => void }) {
  const receipt = useQuery(receiptQuery(transaction.id));
  return (
    <Dialog title="Receipt" wide onClose={onClose}>
      <QueryView query={receipt}>
        {({ text, claims }) => (
          <>
            <ReceiptView claims={claims} />
            <Verdict text={text} />
            <SignedText text={text} id={claims.jti} />
            <HowToVerify />
          </>
        )}
      </QueryView>
    </Dialog>
  );
}

function Verdict({ text }: { text: string }) {
  const verdict = useQuery(verdictQuery(text));
  return <QueryView query={verdict}>{(verdict) => <VerdictNote verdict={verdict} />}</QueryView>;
}

function SignedText({ text, id }: { text: string; id: string }) {
  return (
    <section class="signed">
      <h3>The signed receipt</h3>
      <p>This text is the receipt. Anybody can verify it, also years later and without an account.</p>
      <SourceText label="The signed receipt" text={text} />
      <div class="buttons">
        <CopyButton text={text} label="Copy the receipt" />
        <button
          type="button"
          class="small secondary"
          onClick={() => save([text, "\n"], "text/plain", `receipt-${id}.txt`)}
        >
          Save as a file
        </button>
        <button type="button" class="small secondary" onClick={() => print()}>
          Print
        </button>
      </div>
    </section>
  );
}

function HowToVerify() {
  return (
    <details class="how">
      <summary>How to verify it</summary>
      <p>
        A receipt is a JSON Web Token (RFC 7519), signed with Ed25519. Its key is in the service's{" "}
        <a href={KEYS_ADDRESS} download="keys.json">
          public keys of receipts
        </a>
        , which are never retired: save them as <code>keys.json</code>. The claims of a receipt, and other ways to
        verify one, are in <code>docs/receipts.md</code> of the service's source; its requests are in the{" "}
        <a href={addressOf("docs/")} target="_blank" rel="noopener">
          documentation of the API
        </a>
        .
      </p>
      <p>
        With Python and its package <code>cryptography</code>, save these lines as <code>verify.py</code> beside{" "}
        <code>keys.json</code>, and run <code>python3 verify.py &lt; receipt.txt</code>. They verify the signature and
        compute the cost again; a receipt that is not genuine is an error.
      </p>
      <SourceText label="verify.py" text={VERIFY_SCRIPT} />
      <CopyButton text={VERIFY_SCRIPT} label="Copy the lines" />
    </details>
  );
}
