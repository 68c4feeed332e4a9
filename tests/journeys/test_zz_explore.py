from dataclasses import replace
from tests.connectathon import *
from registry.metadata import *
from tests.journeys import queries as q
from tests.journeys.queries import *
from tests.journeys.updates import revision, successor, updated, every_version, status_change
from tests.journeys.test_query_results_journey import name_associations
HAS_MEMBER, APND = AssociationType.HAS_MEMBER, AssociationType.APND
def test_x(node):
    patient = new_patient()
    one, two, box = document(patient,"one",title="one"), document(patient,"two",title="two"), folder(patient,"box",title="box")
    sent = submission(one,two,box,association(HAS_MEMBER,"box","one"),association(HAS_MEMBER,"box","two"),association(APND,"two","one"),title="S")
    a=node.register(sent); assert a.success, a.errors
    first = {e.title:e for e in node.find_documents(patient).entries}
    updated(node, revision(successor(first["one"]), title="U"))
    f = every_version(node, box.unique_id, q.GET_FOLDERS, "Folder").folders[0]
    updated(node, revision(replace(f, entry_uuid="F2"), title="V"))
    alls = node.query(q.GET_ALL, {"$patientId":[f"'{patient}'"], **{f"$XDS{k}Status":[ANY_STATUS] for k in ("DocumentEntry","SubmissionSet","Folder")}, "$MetadataLevel":["2"], "$XDSAssociationStatus":[ANY_STATUS]})
    names = {}
    for i in alls.objects:
        if not isinstance(i, Association): names[i.entry_uuid] = i.title + (f".{i.version}" if hasattr(i,"version") else "")
    name_associations(alls.associations, names)
    def told(ans): 
        if not ans.success: return ans.errors
        return sorted(names[i.entry_uuid]+("!" if i.availability_status.name!="APPROVED" else "") for i in ans.objects)
    ids={v:k for k,v in names.items()}
    E="$XDSDocumentEntry"
    asks = {
     "all": (q.GET_ALL, {"$patientId":[f"'{patient}'"], **{f"$XDS{k}Status":[ANY_STATUS] for k in ("DocumentEntry","SubmissionSet","Folder")}}),
     "docs": (q.GET_DOCUMENTS, {E+"UniqueId":[listed(one.unique_id)]}),
     "docsbyuuid": (q.GET_DOCUMENTS, {E+"EntryUUID":[listed(ids["one.1"])]}),
     "assoc one.1": (q.GET_ASSOCIATIONS, {"$uuid":[listed(ids["one.1"])]}),
     "assoc one.2": (q.GET_ASSOCIATIONS, {"$uuid":[listed(ids["one.2"])]}),
     "gdaa": (q.GET_DOCUMENTS_AND_ASSOCIATIONS, {E+"UniqueId":[listed(one.unique_id)]}),
     "gss one.1": (q.GET_SUBMISSION_SETS, {"$uuid":[listed(ids["one.1"])]}),
     "gss one.2": (q.GET_SUBMISSION_SETS, {"$uuid":[listed(ids["one.2"])]}),
     "gssac S": (q.GET_SUBMISSION_SET_AND_CONTENTS, {"$XDSSubmissionSetUniqueId":[f"'{sent.submission_set.unique_id}'"]}),
     "gfac": (q.GET_FOLDER_AND_CONTENTS, {"$XDSFolderUniqueId":[f"'{box.unique_id}'"]}),
     "gffd": (q.GET_FOLDERS_FOR_DOCUMENT, {E+"UniqueId":[f"'{one.unique_id}'"]}),
     "gffd two": (q.GET_FOLDERS_FOR_DOCUMENT, {E+"UniqueId":[f"'{two.unique_id}'"]}),
     "grd": (q.GET_RELATED_DOCUMENTS, {E+"UniqueId":[f"'{two.unique_id}'"], "$AssociationTypes":[listed(APND.value)]}),
    }
    for n,(i,s) in asks.items():
        print("##",n)
        print("  1 ", told(node.query(i,s)))
        print("  2 ", told(node.query(i,{**s,"$MetadataLevel":["2"]})))
        print("  2*", told(node.query(i,{**s,"$MetadataLevel":["2"],"$XDSAssociationStatus":[ANY_STATUS]})))
