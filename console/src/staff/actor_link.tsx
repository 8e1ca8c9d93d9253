/** The actor of an act: a superuser, by name as far as the account is there, or an operator, who has no page. */

import { useQuery } from "@tanstack/preact-query";
import { answered, api } from "../api/client.ts";

interface Props {
  actor: string;
  /** The name, where the API tells it. */
  name?: string | null;
}

export function ActorLink({ actor, name }: Props) {
  if (actor === "operator") return <>an operator</>;
  return (
    <a href={`#/staff/users/${actor}`} class="breaking">
      {name === undefined ? <FoundName id={actor} /> : <Name id={actor} name={name} />}
    </a>
  );
}

function FoundName({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ["staff", "name", id],
    queryFn: async () => (await answered(api.GET("/admin/users/{id}/", { params: { path: { id } } }))).username,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return <Name id={id} name={found.data ?? null} />;
}

function Name({ id, name }: { id: string; name: string | null }) {
  return name === null ? <code>{id}</code> : <bdi>{name}</bdi>;
}
