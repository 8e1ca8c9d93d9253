/** The snippets of programs, with a key filled in. */

import { useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { BASE } from "../../api/base.ts";
import { modelsQuery } from "../../api/queries.ts";
import { CopyButton } from "../../parts/copy_button.tsx";
import { SelectField } from "../../parts/form.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { Segments } from "../../parts/segments.tsx";
import { SourceText } from "../../parts/source_text.tsx";
import { type Model, obstacleOf, PROGRAMS, type Program, type Snippet, snippetsOf } from "./snippets.ts";

const ADDRESS = BASE.href.replace(/\/$/, "");

interface Props {
  /** The key as it stands in the snippets. */
  secret: string;
  /** The models that the key may ask; `null` is all. */
  models: string[] | null;
  /** A snippet with the key in it was copied. */
  onCopied?: () => void;
}

export function SnippetView({ secret, models, onCopied }: Props) {
  const known = useQuery(modelsQuery);
  return (
    <QueryView query={known}>
      {(known) => {
        const permitted = known.filter(({ id }) => models?.includes(id) ?? true);
        if (permitted.length === 0) return <p class="empty">None of the key's models is in the catalogue.</p>;
        return <Snippets secret={secret} models={permitted} {...(onCopied === undefined ? {} : { onCopied })} />;
      }}
    </QueryView>
  );
}

function Snippets({ secret, models, onCopied }: Omit<Props, "models"> & { models: Model[] }) {
  const [program, setProgram] = useState<Program>("python");
  const [chosen, setChosen] = useState<string | null>(null);
  // Until a model is chosen, each program gets the first model that works with it.
  const usual = models.find((model) => obstacleOf(program, model) === null) ?? models[0];
  const model = models.find(({ id }) => id === chosen) ?? usual;
  if (model === undefined) return null;
  const obstacle = obstacleOf(program, model);
  return (
    <section class="snippets" aria-label="How programs use it">
      <Segments label="Use it with" options={PROGRAMS} value={program} onChoose={setProgram} />
      <SelectField
        label="Model"
        name="model"
        value={model.id}
        onChange={(event) => setChosen(event.currentTarget.value)}
        errors={obstacle === null ? [] : [obstacle]}
      >
        {models.map(({ id }) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </SelectField>
      {snippetsOf(program, { address: ADDRESS, key: secret, model }).map((snippet) => (
        <SnippetText
          key={`${program} ${snippet.place}`}
          snippet={snippet}
          {...(onCopied !== undefined && snippet.text.includes(secret) ? { onCopied } : {})}
        />
      ))}
      <ProgramNote program={program} />
    </section>
  );
}

function SnippetText({ snippet, onCopied }: { snippet: Snippet; onCopied?: () => void }) {
  return (
    <figure>
      <figcaption>
        <span>{snippet.place}</span>
        <CopyButton text={snippet.text} {...(onCopied === undefined ? {} : { onCopied })} />
      </figcaption>
      <SourceText label={snippet.place} text={snippet.text} />
    </figure>
  );
}

function ProgramNote({ program }: { program: Program }) {
  switch (program) {
    case "codex":
      return (
        <p>
          <small>
            Codex repeats requests that failed. <code>request_max_retries = 0</code> and{" "}
            <code>stream_max_retries = 0</code> in the last table switch that off.
          </small>
        </p>
      );
    case "claude":
      return (
        <p>
          <small>It asks for a title and for the answer at once, so the balance must cover both.</small>
        </p>
      );
    default:
      return (
        <p>
          <small>
            Clients of OpenAI's protocol want the address <code>{ADDRESS}/v1</code>, and those of Anthropic's want{" "}
            <code>{ADDRESS}</code>.
          </small>
        </p>
      );
  }
}
